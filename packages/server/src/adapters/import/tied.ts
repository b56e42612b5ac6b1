import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What `setpriv` ends with when it does not find the program it shall become. */
export const notFoundCode = 127;

let possible: Promise<boolean> | undefined;

/** setpriv(1) of util-linux before 2.33, and that of busybox, cannot do it. */
const canTie = (): Promise<boolean> =>
  (possible ??= run('setpriv', ['--pdeathsig', 'KILL', 'true']).then(
    () => true,
    () => false,
  ));

/**
 * A command line that becomes the given program, which the kernel ends when this process ends, even by kill -9 (PR_SET_PDEATHSIG in prctl(2)). Without
 * that a decoder that writes into a file by itself would work on to its end for nobody, beside the one of the next life. A program that is not there shows as
 * an exit with {@link notFoundCode}. Where setpriv cannot do it, the command line stays as it is.
 */
export const tiedToUs = async (command: string, args: readonly string[]): Promise<[string, string[]]> =>
  (await canTie()) ? ['setpriv', ['--pdeathsig', 'KILL', command, ...args]] : [command, [...args]];
