import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What gets power. */
interface Powered {
  kill(): Promise<unknown>;
}

/** Where a board hangs: a power program of Bakery's kind gives and takes its power, which a board really has then. */
export interface Rig<Board extends Powered> {
  readonly folder: string;
  /** A driver for the settings of a server. */
  readonly driver: Readonly<Record<string, unknown>>;
  /** The board that has power now. */
  readonly board: () => Board | undefined;
  /** What was done so far: `on` and `off`. */
  readonly done: readonly string[];
  /** The program says ok, and nothing is done. */
  lie(lies: boolean): Promise<void>;
  stop(): Promise<void>;
}

/** Hands what it is asked to the rig, and says ok when that is done; or at once, when it lies. */
const programFor = (serial: string): string => `#!/bin/sh
[ "$1" = -c ] && rig=$(cat "$2") || exit 1
said=$(cat)
case $said in
  *'"piId":"${serial.slice(-8)}"'*) ;;
  *) echo "unknown: $said"; exit 0 ;;
esac
[ ! -e "$rig/lies" ] || { printf ok; exit 0; }
case $said in
  *'"action":"query"'*) cat "$rig/state"; exit 0 ;;
  *'"action":"poweron"'*) echo on >"$rig/.wanted" ;;
  *'"action":"poweroff"'*) echo off >"$rig/.wanted" ;;
esac
mv "$rig/.wanted" "$rig/wanted"
while [ -e "$rig/wanted" ]; do sleep 0.1; done
printf ok
`;

/**
 * @param serial - of the one board that hangs there
 * @param start - switches it on
 * @param more - merged into the driver
 */
export async function createRig<Board extends Powered>(
  folder: string,
  serial: string,
  start: () => Promise<Board>,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Rig<Board>> {
  await mkdir(folder);
  const [program, config] = [path.join(folder, 'ppi'), path.join(folder, 'config')];
  await writeFile(program, programFor(serial));
  await chmod(program, 0o755);
  await writeFile(config, folder);
  await writeFile(path.join(folder, 'state'), 'off');
  let board: Board | undefined;
  let isOver = false;
  const done: string[] = [];
  const wanted = path.join(folder, 'wanted');
  const work = async (): Promise<void> => {
    while (!isOver) {
      const order = (await readFile(wanted, 'utf8').catch(() => undefined))?.trim();
      if (order !== undefined) {
        await board?.kill();
        board = order === 'on' ? await start() : undefined;
        done.push(order);
        await writeFile(path.join(folder, 'state'), order);
        await rm(wanted);
      }
      await sleep(100);
    }
    await board?.kill();
  };
  const working = work();
  const lies = path.join(folder, 'lies');
  return {
    folder,
    driver: { kind: 'ppi', program, config, retries: 0, ...more },
    board: () => board,
    done,
    lie: (wants) => (wants ? writeFile(lies, '') : rm(lies)),
    stop: async () => {
      isOver = true;
      await working;
    },
  };
}
