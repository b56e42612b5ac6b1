import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentSettings } from '../../src/agent-settings.js';
import { settingsPath } from '@drover/bosh-cpi';
import { cacheDir } from '../../../../e2e/inputs/cache.js';
import { createCardPress, fileSource } from '../../../server/test/system/crash/card.js';
import { startServer, type Finished, type TestServer } from '../../../server/test/system/server.js';

/** A power program that remembers what it switched, can be asked, and fails for boards that have a file `broken-...`. */
const program = (folder: string): string => `#!/bin/sh
said=$(cat)
id=$(printf %s "$said" | sed -n 's/.*"piId":"\\([^"]*\\)".*/\\1/p')
action=$(printf %s "$said" | sed -n 's/.*"action":"\\([^"]*\\)".*/\\1/p')
[ ! -e "${folder}/broken-$id" ] || { echo "the relay of $id is stuck" >&2; exit 1; }
case $action in
  poweron) echo on >"${folder}/power-$id"; printf ok ;;
  poweroff) echo off >"${folder}/power-$id"; printf ok ;;
  query) [ "$(cat "${folder}/power-$id" 2>/dev/null)" = on ] && printf on || printf off ;;
esac
`;

/** A built server with boards that a power program switches, and an image that they can run. */
export interface Rack {
  readonly server: TestServer;
  readonly folder: string;
  /** An image of an SD card, as in a stemcell. */
  readonly card: string;
  /** `name:version` of an image that the server has. */
  readonly image: string;
  /** Boards by their boot prefix; gives their ids. */
  readonly boards: ReadonlyMap<string, string>;
  /** What the power program last did to a board. */
  readonly power: (prefix: string) => Promise<'on' | 'off' | 'never switched'>;
  /** The relay of a board is stuck, or not any more. */
  readonly stick: (prefix: string, stuck: boolean) => Promise<void>;
  /** Settings that the agent of a board would read; undefined: it has none. */
  readonly settings: (device: string) => Promise<AgentSettings | undefined>;
  /** A simulated board starts once, as it does when it gets power, until it is up; `keep` is a folder for what it was sent before it had a credential. */
  readonly boot: (prefix: string, keep: string) => Promise<Finished>;
  readonly stop: () => Promise<void>;
}

export const openRack = async (count: number, settings: Readonly<Record<string, unknown>> = {}): Promise<Rack> => {
  const folder = await mkdtemp(join(tmpdir(), 'drover-bosh-'));
  const card = await (await createCardPress(folder)).make('xz', 'bosh');
  await writeFile(join(folder, 'ppi'), program(folder));
  await chmod(join(folder, 'ppi'), 0o755);
  const rig = {
    kind: 'ppi',
    program: join(folder, 'ppi'),
    contract: 'extended',
    retries: 0,
    staggerMs: 0,
    concurrency: 50,
  };
  const server = await startServer({
    settings: { power: { drivers: { rig } }, helpers: { cacheDir: join(cacheDir, 'helpers') }, ...settings },
  });
  const { client } = server;
  const upload = await client.upload(fileSource(card.path, card.size), { filename: 'card.img.xz' });
  const image = await client.images.create({
    body: { name: 'light', version: '1', source: { kind: 'upload', upload: upload.id } },
  });
  const job = await client.waitForJob(image.job ?? '');
  if (job.state !== 'succeeded') throw new Error(`import: ${JSON.stringify(job.error)}`);
  const boards = new Map<string, string>();
  for (let index = 0; index < count; index += 1) {
    const bootPrefix = `b05c${index.toString(16).padStart(4, '0')}`;
    const labels: Record<string, string> = { rack: index % 2 === 0 ? 'a' : 'b' };
    const device = await client.devices.create({ body: { bootPrefix, model: 'pi4', memoryMiB: 4096, labels } });
    await client.devices.update({ params: { ref: device.id }, body: { power: { driver: 'rig' } } });
    boards.set(bootPrefix, device.id);
  }
  return {
    ...{ server, folder, card: card.path, image: 'light:1', boards },
    power: async (prefix) => {
      const said = (await readFile(join(folder, `power-${prefix}`), 'utf8').catch(() => '')).trim();
      return said === 'on' || said === 'off' ? said : 'never switched';
    },
    stick: async (prefix, stuck) => {
      const file = join(folder, `broken-${prefix}`);
      await (stuck ? writeFile(file, '') : rm(file, { force: true }));
    },
    settings: async (device) => {
      try {
        const file = await client.deviceFiles.get({ params: { ref: device }, query: { path: settingsPath } });
        return JSON.parse(Buffer.from(file.content, 'base64').toString()) as AgentSettings;
      } catch {
        return undefined;
      }
    },
    boot: (prefix, keep) =>
      server.cli(
        ...['simulate', '--mode', 'static', '--address', '127.0.0.1', '--tftp-port', String(server.tftpPort)],
        ...['--serial', `10000000${prefix}`, '--clock-scale', '0.1', '--attempts', '5', '--keep', keep],
      ),
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
};
