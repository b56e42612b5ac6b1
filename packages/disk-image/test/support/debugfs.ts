import { writeFileSync } from 'node:fs';
import { run } from './tools.js';

/** What debugfs says about an inode. */
export interface DebugfsStat {
  inode: number;
  kind: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  nlink: number;
  mtimeHex: string;
  device?: string;
}

const kinds: Record<string, string> = {
  regular: 'file',
  directory: 'directory',
  symlink: 'symlink',
  'character special': 'char',
  'block special': 'block',
  FIFO: 'fifo',
  socket: 'socket',
};

function field(text: string, pattern: RegExp): string {
  const value = pattern.exec(text)?.[1];
  if (value === undefined) throw new Error(`debugfs did not say ${pattern.source}: ${text}`);
  return value;
}

/** Runs commands in one go; the outputs are split at the echo of each command. */
export function debugfs(image: string, commands: readonly string[], script: string, write = false): string[] {
  writeFileSync(script, commands.map((command) => `${command}\n`).join(''));
  const output = run('debugfs', [...(write ? ['-w'] : []), '-f', script, image]).toString();
  return output.split(/^debugfs: .*\n/mu).slice(1);
}

function parseStat(text: string): DebugfsStat {
  const device = /Device major\/minor number: (\d+:\d+)/u.exec(text)?.[1];
  return {
    inode: Number(field(text, /^Inode: (\d+)/mu)),
    kind: kinds[field(text, /Type: (.*?)\s+Mode:/u)] ?? 'unknown',
    mode: parseInt(field(text, /Mode:\s+(\d+)/u), 8),
    uid: Number(field(text, /User:\s+(-?\d+)/u)) >>> 0,
    gid: Number(field(text, /Group:\s+(-?\d+)/u)) >>> 0,
    size: Number(field(text, /Size: (\d+)/u)),
    nlink: Number(field(text, /Links: (\d+)/u)),
    mtimeHex: field(text, /^\s*mtime: 0x([0-9a-f]+(:[0-9a-f]+)?)/mu),
    ...(device === undefined ? {} : { device }),
  };
}

export function debugfsStats(image: string, inodes: readonly number[], script: string): DebugfsStat[] {
  return debugfs(
    image,
    inodes.map((inode) => `stat <${inode}>`),
    script,
  ).map(parseStat);
}
