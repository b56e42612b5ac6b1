import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../inputs/run.js';
import { qemuVirt, type Guest } from '../lab/index.js';
import type { FastLab } from './fast-lab.js';

/** A card as a person makes it: the archive of the server, unpacked onto one plain FAT partition. */
export interface Card {
  readonly image: string;
  readonly folder: string;
}

export interface CardOptions {
  /** Id or name of the device it is for. */
  readonly device?: string;
  /** Lines behind those of the server in `drover/card.conf`. */
  readonly settings?: string;
  /** More files, by path on the card. */
  readonly files?: Readonly<Record<string, string>>;
  /** MiB behind its partition. */
  readonly roomBehind?: number;
}

export async function writeCard({ lab, drover }: FastLab, options: CardOptions = {}): Promise<Card> {
  const { device, settings = '', files = {}, roomBehind = 0 } = options;
  const own = await mkdtemp(path.join(lab.dir, 'card-'));
  const archive = path.join(own, 'card.tgz');
  const pieces: Uint8Array[] = [];
  const query = device === undefined ? {} : { device };
  for await (const piece of drover.client.download('downloadImageCard', { params: { ref: 'fast:1' }, query }))
    pieces.push(piece);
  await writeFile(archive, Buffer.concat(pieces));
  const folder = path.join(own, 'files');
  await mkdir(folder);
  await run(['tar', '-xzf', archive, '-C', folder]);
  await writeFile(path.join(folder, 'drover/card.conf'), settings, { flag: 'a' });
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
  const image = path.join(own, 'card.img');
  await run(['truncate', '-s', `${256 + roomBehind}M`, image]);
  await run(['sh', '-c', 'echo "start=2048, size=255M, type=c" | sfdisk -q "$1"', 'sh', image]);
  await run(['mformat', '-i', `${image}@@1M`, '-F', '-T', String(255 * 2048), '::']);
  await run(['sh', '-c', 'mcopy -i "$1" -s "$2"/* ::', 'sh', `${image}@@1M`, folder]);
  return { image, folder };
}

export interface PluggedOptions {
  readonly mac: string;
  /** Instead of the card's own. */
  readonly initrd?: string;
  /** More words for the kernel. */
  readonly append?: string;
  readonly qemuArgs?: readonly string[];
}

/** QEMU has no firmware of a Pi: kernel and initramfs are given to it, as the firmware loads them from the card. */
export function plugIn({ lab }: FastLab, { image, folder }: Card, options: PluggedOptions): Promise<Guest> {
  const { mac, initrd = path.join(folder, 'drover.img'), append = '', qemuArgs = [] } = options;
  return qemuVirt({
    ...{ lab, mac, kernel: path.join(folder, 'kernel8.img'), initrd },
    append: `console=ttyAMA0 ${append}`.trim(),
    qemuArgs: [
      ...['-drive', `file=${image},format=raw,if=none,id=card,readonly=on`],
      ...['-device', 'virtio-blk-device,drive=card', ...qemuArgs],
    ],
  });
}

/** A board that has the fast image. */
export async function provisionFast({ drover }: FastLab, name: string, mac: string): Promise<void> {
  const { client } = drover;
  await client.call('createDevice', { body: { name, mac, model: 'virt' } });
  await client.call('provision', { body: { image: 'fast:1', device: name } });
  await drover.deviceUntil(name, ({ state }) => state === 'in-use', 300_000);
}
