import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from './tools.js';

/** Shell commands that change a file system at random, with moments at which the power goes. */
export function randomWork(random: () => number, steps: number, cuts: number): string {
  const below = (n: number): number => Math.floor(random() * n);
  const folder = (): string => `folder${below(12)}`;
  const file = (): string => `${folder()}/a-file-of-some-length-${below(40)}`;
  const size = (): number => Math.floor(random() ** 3 * 60_000);
  const kinds: (() => string)[] = [
    () => `mkdir -p ${folder()}`,
    () => `write ${file()} ${size()}`,
    () => `write ${file()} ${size()}`,
    // What begins with the magic of the journal is escaped where it is logged.
    () => `magic ${file()} ${size()}`,
    () => `append ${file()} ${size()}`,
    () => `mv -f ${file()} ${file()} 2>/dev/null || :`,
    () => `ln -f ${file()} ${file()} 2>/dev/null || :`,
    () => `ln -sf ${'t'.repeat(1 + below(200))} ${folder()}/link${below(9)} 2>/dev/null || :`,
    () => `rm -f ${file()}`,
    () => `rm -rf ${folder()}`,
    () => `truncate -c -s ${size()} ${file()} 2>/dev/null || :`,
    // Blocks of folders become blocks of files: their log entries are revoked.
    () => `crowd ${folder()} ${below(300)}`,
    () => `chmod ${(below(0o1000) | 0o400).toString(8)} ${file()} 2>/dev/null || :`,
    () => `sync ${file()} 2>/dev/null || :`,
    () => `sync ${file()} 2>/dev/null || :`,
    () => 'sync -f .',
  ];
  const when = new Set(Array.from({ length: cuts }, (_, i) => Math.floor(((i + 1) * steps) / cuts) - 1));
  const lines = Array.from({ length: steps }, (_, i) => {
    const line = (kinds[below(kinds.length)] as () => string)();
    return when.has(i)
      ? `${line}\nsync ${random() < 0.5 ? '.' : '-f .'}\n${late(file)}\ncut ${[...when].indexOf(i)}`
      : line;
  });
  return `${functions}${lines.join('\n')}\n`;
}

/** Done after the last commit: not to be seen. */
const late = (file: () => string): string => `write ${file()} 100\nrm -f ${file()}`;

const functions = `
n=0
bytes() { n=$((n + 1)); yes "$n of $1" 2>/dev/null | head -c "$2"; }
write() { mkdir -p "\${1%/*}"; bytes "$1" "$2" >"$1"; }
append() { mkdir -p "\${1%/*}"; bytes "$1" "$2" >>"$1"; }
magic() { mkdir -p "\${1%/*}"; { printf '\\300\\073\\071\\230'; bytes "$1" "$2"; } >"$1"; }
crowd() { mkdir -p "$1"; (cd "$1" && seq -f "one-of-a-crowd-%g" "$2" | xargs -r touch); }
`;

const script = fileURLToPath(new URL('./dirty-ext4.sh', import.meta.url));

/** Copies of an image as they were while a kernel had it mounted. Needs root. */
export function cutWhileMounted(image: string, options: string, work: string): string[] {
  writeFileSync(`${image}.work`, work);
  const space = ['--mount', '--propagation', 'private'];
  run('unshare', [...space, script, image, `${image}.mounted`, options, `${image}.work`]);
  return Array.from({ length: 1000 }, (_, i) => `${image}.${i}`).filter((path) => existsSync(path));
}

/** Digests of files first, then names, kinds and attributes of everything: a process for each of thousands of files would take most of the test's time. */
const look = `PATH=$PATH:/usr/sbin:/sbin; mkdir -p "$2" && mount -o loop "$1" "$2" && cd "$2" &&
find . -type f -print0 | xargs -0r sha256sum && echo && find . ! -name lost+found -printf '%P %y %m %U %G %n %l\\n'`;

/** Names, kinds, attributes and digests of all that a kernel sees when it mounts an image. Needs root. */
export function seenByKernel(image: string): string[] {
  const out = run('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', look, 'sh', image, `${image}.seen`]);
  const [digests = '', list = ''] = out.toString().split(/^\n/mu);
  const digestOf = new Map(digests.split('\n').map((line) => [line.slice(68), line.slice(0, 64)]));
  return list
    .split('\n')
    .slice(0, -1)
    .map((line) => `${line} ${digestOf.get(line.split(' ', 1)[0] ?? '') ?? ''}`.trimEnd())
    .sort();
}
