import { decodeName } from '@drover/disk-image';
import { refusal, RefusedError } from '@drover/contract';
import type { Sandbox } from '../machine/sandbox.js';

/** An extended attribute of a file. */
export interface FileAttribute {
  /** From the root, with a leading slash. */
  readonly path: string;
  /** `security.capability` */
  readonly name: string;
  /** In base64. */
  readonly value: string;
}

/** getfattr(1) writes what is no plain character, and the backslash, as three octal digits. */
const unescaped = (text: string): string => {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const octal = /^\\([0-7]{3})/.exec(text.slice(at, at + 4))?.[1];
    bytes.push(octal === undefined ? text.charCodeAt(at) : parseInt(octal, 8));
    if (octal !== undefined) at += 3;
  }
  return decodeName(Uint8Array.from(bytes));
};

/** What `getfattr --dump --encoding=base64` says: a line `# file: NAME`, lines `name=0sVALUE`, an empty line. Sorted by path. */
export const parseAttributes = (text: string): FileAttribute[] =>
  text
    .split('\n\n')
    .flatMap((block) => {
      const [head = '', ...lines] = block.trim().split('\n');
      const file = /^# file: (.*)$/.exec(head)?.[1];
      if (file === undefined) return [];
      const path = unescaped(file).replace(/^\.?\/?/, '/');
      return lines.flatMap((line) => {
        const [, name = '', value = ''] = /^([^=]+)=0s(.*)$/.exec(line) ?? [];
        return name === '' ? [] : [{ path, name, value }];
      });
    })
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.name < b.name ? -1 : 1));

/** A name that debugfs would read as two. */
const isHard = ({ path }: FileAttribute): boolean => /[\n\r]/.test(path);

/** All attributes of a tree that a squashfs can hold. */
export async function attributesOf(sandbox: Sandbox, root: string): Promise<FileAttribute[]> {
  const list = 'cd "$1"; getfattr -R -h -P -d -m "^(user|security)\\." -e base64 -- .';
  const { stdout } = await sandbox.run('sh', ['-euc', list, 'sh', root]);
  const found = parseAttributes(stdout);
  const hard = found.find(isHard);
  if (hard !== undefined)
    throw new RefusedError(
      refusal('image.unfit', `The file ${JSON.stringify(hard.path)} has attributes, and a line break in its name.`, {
        remedy: 'Give it another name.',
      }),
    );
  return found;
}
