import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Device, TimelineEntry } from '@drover/contract';
import { makeCertificates } from '../../packages/server/test/nbd/certificates.js';
import { startFastLab, type FastLab } from '../drover/fast-lab.js';
import type { DroverOptions } from '../drover/server.js';
import type { Lab } from '../lab/index.js';
import { run } from '../inputs/run.js';
import { createCardBoard, type CardBoard, type CardBoardOptions } from './card-board.js';
import { changedImage, type Changes } from './images.js';

const cli = fileURLToPath(new URL('../../packages/cli/bin/drover.js', import.meta.url));
export const bootMs = 400_000;

/** A lab with boards that keep their root on a card which `drover card image --self-updating` made. */
export interface CardLab extends FastLab {
  /** A card for a device, as a file. */
  card(name: string, image: string): Promise<string>;
  /** A registered board with its card in it, switched off. */
  board(name: string, image: string, more?: Partial<CardBoardOptions>): Promise<CardBoard>;
  /** Waits for a boot after that session to be told as up. */
  up(board: CardBoard, name: string, after?: string | null, ms?: number): Promise<Device>;
  /** Waits until the board has noted on its card that this boot was a good one: before that, a cut is a try that failed. */
  kept(session: string | null): Promise<void>;
  /** What a boot told: `STEP STATE MESSAGE`. */
  reports(session: string | null): Promise<string[]>;
  /** Imports the fast image with changes. */
  image(ref: string, changes: Changes): Promise<void>;
  reimage(name: string, image: string): Promise<void>;
  /** The server does not answer, as if the line was cut; gives what ends that. */
  silence(): Promise<() => void>;
  /** Switches every board off. */
  boardsOff(): Promise<void>;
}

/** The boot plane's HTTP listeners, with TLS by an authority of the lab's own. */
async function withTls(lab: Lab): Promise<DroverOptions['settings']> {
  const { folder } = await makeCertificates(lab.dir, `IP:${lab.net.server}`);
  const tls = { certificate: path.join(folder, 'server-cert.pem'), key: path.join(folder, 'server-key.pem') };
  return { boot: { http: { listen: ['0.0.0.0:8081'], tls }, interfaces: ['eth0'] } };
}

/** `tls`: its cards ask through TLS, and know the authority of the server's certificate. */
export async function startCardLab(id: string, { tls = false } = {}): Promise<CardLab> {
  const fast = await startFastLab(id, tls ? withTls : undefined);
  const { lab, drover } = fast;
  const boards: CardBoard[] = [];
  let macs = 0;

  const card = async (name: string, image: string): Promise<string> => {
    const file = path.join(lab.dir, `${name}.img`);
    await run(
      [
        ...['node', cli, 'card', 'image', file, '--image', image, '--self-updating', '--size', '1G'],
        ...(tls
          ? ['--card-server', `https://${lab.net.server}:8443`, '--ca', path.join(lab.dir, 'ca-cert.pem')]
          : ['--card-server', `http://${lab.net.server}:8081`]),
        ...['--device', name, '--hostname', name],
      ],
      { env: { ...process.env, DROVER_SERVER: drover.url, DROVER_KEY: drover.key, HOME: lab.dir } },
    );
    return file;
  };

  const reports = async (session: string | null): Promise<string[]> =>
    (await drover.timelineOf(session))
      .map(({ entry }): TimelineEntry => entry)
      .flatMap((entry) => (entry.type === 'report' ? [`${entry.step} ${entry.state} ${entry.message}`.trim()] : []));

  const inUse = (name: string): Promise<Device> => drover.deviceUntil(name, ({ state }) => state === 'in-use', 300_000);

  return {
    ...fast,
    card,
    reports,
    async board(name, image, more = {}) {
      const mac = `52:54:00:5d:00:${(macs++).toString(16).padStart(2, '0')}`;
      const model = more.machine === 'raspi3b' ? 'pi3' : 'virt';
      await drover.client.call('createDevice', { body: { name, mac, model } });
      await drover.client.call('provision', { body: { image, device: name, rootMode: 'sd' } });
      await inUse(name);
      const append = 'drover.offline=20';
      const board = createCardBoard({ lab, mac, card: await card(name, image), append, ...more });
      boards.push(board);
      return board;
    },
    async up(board, name, after = null, ms = bootMs) {
      const isUp = async ({ lastSession }: Device): Promise<boolean> =>
        lastSession !== null &&
        lastSession !== after &&
        (await drover.client.call('getSession', { params: { id: lastSession } })).outcome === 'up';
      const until = Date.now() + ms;
      for (;;) {
        const device = await drover.deviceUntil(name, () => true, 60_000);
        if (await isUp(device)) return device;
        if (Date.now() > until) throw new Error(`${name} is not up:\n${board.said().slice(-6000)}`);
        await sleep(500);
      }
    },
    async kept(session) {
      const until = Date.now() + 120_000;
      while (!(await reports(session)).some((step) => /^trial ok \w+ is kept$/.test(step))) {
        if (Date.now() > until) throw new Error(`${session} was not kept: ${(await reports(session)).join('; ')}`);
        await sleep(500);
      }
    },
    async image(ref, changes) {
      const [name = '', version = ''] = ref.split(':');
      await drover.importImage(await changedImage(lab.dir, changes), name, version);
    },
    async reimage(name, image) {
      await drover.client.call('reimageDevice', { params: { ref: name }, body: { image, rootMode: 'sd' } });
      await inUse(name);
    },
    async silence() {
      const pids = [drover.process.pid, await drover.pidOf('boot'), await drover.pidOf('control')];
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      return () => pids.forEach((pid) => process.kill(pid, 'SIGCONT'));
    },
    async boardsOff() {
      for (const board of boards.splice(0)) await board.off();
    },
  };
}
