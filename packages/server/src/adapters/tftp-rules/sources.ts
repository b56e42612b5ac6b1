import type { Log } from '../../app/ports.js';
import type { Collected, RuleSources } from '../../app/boot/plane/ports.js';
import { openFile } from './file.js';
import { fetchUrl } from './http.js';
import { runProgram, type CommandLine } from './program.js';
import { openSpools, type Spool } from './spool.js';

export interface RuleSourcesDeps {
  /** Where answers lie while they are collected and sent. */
  readonly folder: string;
  /** Bytes of all answers together that are collected or sent at one time. */
  readonly mostHeld: number;
  /** The command line that runs a program tied to this process. */
  readonly commandLine: CommandLine;
  readonly log: Log;
}

/** Files, answers of HTTP servers and outputs of programs. */
export async function createRuleSources({ folder, mostHeld, commandLine, log }: RuleSourcesDeps): Promise<RuleSources> {
  const spools = await openSpools(folder, mostHeld);

  const spooled = async (
    maxSize: number,
    fill: (spool: Spool) => Promise<Collected | undefined>,
  ): Promise<Collected> => {
    const spool = await spools.open(maxSize);
    const wrong = await fill(spool).catch(async (error: unknown) => {
      await spool.close();
      throw error;
    });
    if (wrong === undefined) return { kind: 'file', file: spool.file() };
    await spool.close();
    return wrong;
  };

  return {
    collect: async (work, { maxSize, client, signal }) => {
      switch (work.kind) {
        case 'file':
          return openFile(work, maxSize);
        case 'url':
          return spooled(maxSize, (spool) => fetchUrl(work.url, { spool, signal }));
        case 'program':
          return spooled(maxSize, (spool) => runProgram(work, { spool, signal, client, commandLine, log }));
      }
    },
  };
}
