import type { BootPlan, BootTree, FileSource } from './boot-plan.js';
import { inlineFile, renderCardFiles } from './boot-render.js';
import { foldPath, sourceOf } from './boot-tree.js';

/** What a card is told, see docs/how-to/quickstart-card.md. */
export interface CardSettings {
  /** `http://address:port` of the boot plane. */
  readonly server: string;
  readonly device?: { readonly id: string; readonly name: string };
  /** The server's public key, in signify's form: for a card that may come to update itself. */
  readonly key?: string;
}

export interface CardFile {
  readonly path: string;
  readonly source: FileSource;
}

const settingsPath = 'drover/card.conf';
const keyPath = 'drover/card.pub';

/** Ends of lines as every editor of every system shows them. */
const settingsText = ({ server, device }: Omit<CardSettings, 'key'>): string =>
  [
    '# What this card asks at each start: docs/how-to/quickstart-card.md of Drover.',
    `server=${server}`,
    ...(device === undefined ? [] : [`device=${device.id}`, `hostname=${device.name}`]),
    '',
  ].join('\r\n');

/** All files of a card's one FAT partition, in order of their paths: the image's, with those of ours in their place. */
export function cardFiles(tree: BootTree, initramfs: BootPlan['initramfs'], settings: CardSettings): CardFile[] {
  const { files, hidden } = renderCardFiles(tree, initramfs);
  const ours = new Map([...files, [settingsPath, inlineFile(settingsText(settings))] as const]);
  if (settings.key !== undefined) ours.set(keyPath, inlineFile(settings.key));
  const kept = tree.files.flatMap((file): CardFile[] => {
    const folded = foldPath(file.path);
    if (folded === undefined || hidden.has(folded) || ours.has(folded)) return [];
    return [{ path: file.path, source: sourceOf(tree, file) }];
  });
  const made = [...ours].map(([path, source]): CardFile => ({ path, source }));
  return [...kept, ...made].sort((a, b) => (a.path < b.path ? -1 : 1));
}
