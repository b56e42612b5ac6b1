import { copyFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chooseFromCard, openDiskFile, type CardSystem, type ModelName } from '@drover/simulator';
import { makeLog, recordedDrive } from '../power/recorded-drive.js';
import { qemuRaspi3b, qemuVirt, type Guest, type Lab } from '../lab/index.js';

export interface CardBoardOptions {
  readonly lab: Lab;
  /** The card: an image file, which the board writes to. */
  readonly card: string;
  readonly mac: string;
  /** The firmware that reads the card; the board itself is QEMU's `virt`, or `raspi3b` for a 3B with its own SD slot. */
  readonly firmware?: ModelName;
  readonly machine?: 'virt' | 'raspi3b';
  readonly memoryMiB?: number;
  readonly append?: string;
  /** What else the machine has, for `virt`. */
  readonly qemuArgs?: readonly string[];
}

/** What a board wrote to its card: the card as it was before, and the log of writes behind it. */
export interface CardLog {
  readonly base: string;
  readonly log: string;
}

/** One start: what the firmware chose, and the system it started. */
export interface CardStart {
  readonly choice: CardSystem;
  readonly guest: Guest;
}

/** A board with a card in it: each time it restarts, the firmware of the simulator reads the card anew and QEMU starts what it chose. */
export interface CardBoard {
  readonly card: string;
  readonly mac: string;
  readonly starts: readonly CardStart[];
  /** Switches it on. It restarts as often as its system does, until it is switched off. */
  on(): void;
  /** Pulls the plug. */
  off(): Promise<void>;
  /** Records each write to the card from the next start on. Not on `raspi3b`. */
  record(): Promise<CardLog>;
  /** No longer, from the next start on. */
  unrecord(): void;
  /** Waits for a start and the text on its console, and gives the start. `from`: of those, counted from 0. */
  saw(text: string | RegExp, ms: number, from?: number): Promise<CardStart>;
  /** All that its consoles said. */
  said(): string;
}

async function firmware(options: CardBoardOptions, tryboot: boolean): Promise<CardSystem> {
  const disk = openDiskFile(options.card);
  try {
    const choice = await chooseFromCard(disk, { board: options.firmware ?? '4b', tryboot });
    if (!choice.boots) throw new Error(`the firmware stops: ${choice.step}: ${choice.message}`);
    return choice;
  } finally {
    disk.close();
  }
}

export function createCardBoard(options: CardBoardOptions): CardBoard {
  const starts: CardStart[] = [];
  let isOn = false;
  let running: Promise<void> = Promise.resolve();
  let tap: string | undefined;
  let fault: Error | undefined;
  let log: string | undefined;
  let logged = 0;

  const drive = (): string[] => {
    if (log === undefined) return ['-drive', `file=${options.card},format=raw,if=none,id=recorded,cache=writethrough`];
    return recordedDrive(options.card, log, logged++ === 0 ? 'anew' : 'behind');
  };

  const startGuest = async (choice: CardSystem): Promise<Guest> => {
    const files = path.join(options.lab.dir, `card-${options.mac.replaceAll(':', '')}`);
    await writeFile(`${files}-kernel`, choice.kernel.bytes);
    await writeFile(`${files}-initrd`, choice.initramfs.bytes);
    tap ??= await options.lab.tap();
    const common = {
      ...{ lab: options.lab, mac: options.mac, tap, kernel: `${files}-kernel`, initrd: `${files}-initrd` },
      append:
        `${choice.cmdline} ${options.machine === 'raspi3b' ? '' : 'console=ttyAMA0'} ${options.append ?? ''}`.trim(),
    };
    if (options.machine === 'raspi3b') {
      if (choice.dtb === undefined) throw new Error('the firmware found no device tree');
      await writeFile(`${files}-dtb`, choice.dtb.bytes);
      return qemuRaspi3b({ ...common, dtb: `${files}-dtb`, sdCard: options.card });
    }
    return qemuVirt({
      ...common,
      memoryMiB: options.memoryMiB ?? 512,
      qemuArgs: [...drive(), '-device', 'virtio-blk-device,drive=recorded', ...(options.qemuArgs ?? [])],
    });
  };

  const run = async (): Promise<void> => {
    let tryboot = false;
    while (isOn) {
      const choice = await firmware(options, tryboot);
      const guest = await startGuest(choice);
      starts.push({ choice, guest });
      const { code } = await guest.ended;
      if (isOn && code !== 0) throw new Error(`the emulator ended with ${code}`);
      // QEMU keeps no word for a firmware over a restart: what the kernel was asked for is on the console.
      tryboot = guest.console.text().includes('drover: restarting with tryboot');
    }
  };

  const said = (): string => starts.map(({ guest }, index) => `--- start ${index}\n${guest.console.text()}`).join('\n');

  return {
    ...{ card: options.card, mac: options.mac, starts },
    on() {
      isOn = true;
      running = run().catch((error: unknown) => {
        fault = error instanceof Error ? error : new Error(String(error));
      });
    },
    async off() {
      isOn = false;
      await starts.at(-1)?.guest.kill();
      await running;
    },
    async record() {
      const [base, file] = [`${options.card}.before`, `${options.card}.log`];
      await copyFile(options.card, base);
      makeLog(file);
      [log, logged] = [file, 0];
      return { base, log: file };
    },
    unrecord() {
      log = undefined;
    },
    async saw(text, ms, from = 0) {
      const until = Date.now() + ms;
      for (;;) {
        const found = starts.slice(from).find(({ guest }) => {
          const said = guest.console.text();
          return typeof text === 'string' ? said.includes(text) : text.test(said);
        });
        if (found !== undefined) return found;
        if (fault !== undefined) throw new Error(`the board is dead: ${fault.message}\n${said().slice(-4000)}`);
        if (Date.now() > until) throw new Error(`no ${String(text)} in ${ms} ms:\n${said().slice(-6000)}`);
        await sleep(200);
      }
    },
    said,
  };
}
