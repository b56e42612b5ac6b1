import { truncateSync, writeFileSync } from 'node:fs';

/** An empty log. It is as long as it may become, and takes the room of what is in it. */
export function makeLog(path: string): void {
  writeFileSync(path, '');
  truncateSync(path, 64 * 2 ** 30);
}

/** A log that begins, or one that goes on, as its first run made it. */
const logging = { anew: 'log-sector-size=512', behind: 'log-append=on' } as const;

/** Arguments of QEMU and its storage daemon for a drive, node `recorded`, of which each write is recorded in the log. */
export const recordedDrive = (drive: string, log: string, how: keyof typeof logging = 'anew'): string[] => [
  ...['--blockdev', `driver=file,node-name=drive,filename=${drive},discard=unmap`],
  ...['--blockdev', `driver=file,node-name=log,filename=${log}`],
  ...['--blockdev', `driver=blklogwrites,node-name=recorded,file=drive,log=log,${logging[how]}`],
];
