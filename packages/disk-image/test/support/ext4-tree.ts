import { execFileSync } from 'node:child_process';
import {
  linkSync,
  lutimesSync,
  mkdirSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  chmodSync,
  openSync,
  writeSync,
  closeSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';

export interface TreeOptions {
  folders: number;
  files: number;
  /** Files in one folder that is large enough to have an index of several levels. */
  crowd: number;
  longestFile: number;
}

const letters = 'abcdefghij-_.+ äß❤😀';

/** Makes a tree of random files for `mke2fs -d`: sparse ones, hard links, links of all lengths, odd names. */
export function makeTree(root: string, random: () => number, options: TreeOptions): void {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const name = (i: number): string =>
    `${Array.from({ length: Math.floor(random() * 30) }, () => pick([...letters])).join('')}${i}`;
  mkdirSync(root);
  const folders = [root];
  for (let i = 0; i < options.folders; i++) {
    const path = join(pick(folders), `folder ${name(i)}`);
    mkdirSync(path);
    folders.push(path);
  }
  const files: string[] = [];
  for (let i = 0; i < options.files; i++) files.push(makeFile(join(pick(folders), `f${name(i)}`), random, options));
  for (let i = 0; i < options.files / 10; i++) linkSync(pick(files), join(pick(folders), `hard ${name(i)}`));
  for (const length of [1, 20, 58, 59, 60, 61, 100, 900])
    symlinkSync('t'.repeat(length), join(pick(folders), `link${length}`));
  makeCrowd(join(root, 'crowd'), options.crowd);
  execFileSync('mkfifo', [join(root, 'pipe')]);
  for (const path of folders.slice(1)) utimesSync(path, random() * 2e9, random() * 2e9);
  lutimesSync(join(root, 'pipe'), 1, 1_234_567_890.25);
}

function makeCrowd(path: string, count: number): void {
  mkdirSync(path);
  for (let i = 0; i < count; i++) writeFileSync(join(path, `one of a crowd of files ${i}`), '');
}

function makeFile(path: string, random: () => number, options: TreeOptions): string {
  const size = Math.floor(random() ** 4 * options.longestFile);
  writeFileSync(path, Buffer.alloc(size, `${path} `));
  if (random() < 0.2) {
    const handle = openSync(path, 'r+');
    for (let i = 0; i < 8; i++) writeSync(handle, `piece ${i}`, Math.floor(random() * options.longestFile));
    closeSync(handle);
    truncateSync(path, Math.floor(random() * options.longestFile));
  }
  chmodSync(path, Math.floor(random() * 0o10000) | 0o400);
  utimesSync(path, random() * 4e9 - 1e9, random() * 4e9 - 1e9);
  return path;
}
