import { execFileSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';

const say = (program: string, ...args: string[]): string => execFileSync(program, args).toString().trim();

/** A loop device over a new file of that size: a disk that is not removable. */
export function attachLoop(file: string, size: number): { device: string; detach(): void } {
  writeFileSync(file, '');
  truncateSync(file, size);
  const device = say('losetup', '--find', '--show', file);
  return { device, detach: () => void say('losetup', '--detach', device) };
}
