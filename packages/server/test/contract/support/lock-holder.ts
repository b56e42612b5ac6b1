/**
 * Opens the block file of its first argument, locked, and makes a hole in it with a program that never ends, as one that is slow. Says the
 * program's process id.
 */
import { spawn } from 'node:child_process';
import { createFileLock, createGate, openBlockFile } from '../../../src/adapters/disks/index.js';

const puncher = {
  punch: (fd: number): Promise<void> =>
    new Promise(() => {
      const { pid } = spawn('sleep', ['infinity'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
      process.stdout.write(`${pid}\n`);
    }),
};
const deps = { slow: createGate(1), lock: createFileLock(), puncher };
const file = await openBlockFile(process.argv[2]!, deps, { create: true, lockWaitMs: 0 });
await file.write(0, Buffer.from('locked'));
await file.punch!([{ offset: 0, length: 4096 }]);
