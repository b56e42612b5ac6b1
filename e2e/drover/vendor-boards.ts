import { expect } from 'vitest';
import { inputs } from '../inputs/index.js';
import { createLab, type Lab } from '../lab/index.js';
import { powerOn, type Pi } from './board.js';
import { nfsServices } from './nfs-services.js';
import { startDrover, type Drover } from './server.js';

/** A server with the adverse vendor image, and the boards that boot it. */
export interface VendorBoards {
  /** A board with the image in that mode, from power-on to up. Resolves with what its system said. */
  comesUp(rootMode: 'ram' | 'nbd' | 'nfs' | 'stream', serial: string, cpus: number): Promise<string>;
  stop(): Promise<void>;
}

const bootMs = 900_000;
/** What a system says that waits for what it cannot have. */
export const trouble = /emergency mode|Timed out waiting for device/;

export async function startVendorBoards(): Promise<VendorBoards> {
  const lab = await createLab({ name: 'vendor' });
  const drover = await startDrover(lab, { settings: { nfs: { driver: 'ganesha' } }, before: nfsServices });
  const image = await drover.importImage((await inputs.adverse()).path, 'vendor', '1');
  expect(image.facts?.models).toEqual(expect.arrayContaining(['pi3', 'pi4', 'pi5']));
  expect([...(image.facts?.rootModes ?? [])].sort()).toEqual(['nbd', 'nfs', 'ram', 'stream']);
  const running: Pi[] = [];
  return {
    comesUp: (rootMode, serial, cpus) => comesUp({ lab, drover, running }, rootMode, serial, cpus),
    stop: async () => {
      for (const pi of running) await pi.kill();
      await drover.stop();
      await lab.dispose();
    },
  };
}

async function comesUp(
  { lab, drover, running }: { lab: Lab; drover: Drover; running: Pi[] },
  ...[rootMode, serial, cpus]: Parameters<VendorBoards['comesUp']>
): Promise<string> {
  const name = `vendor-${rootMode}`;
  await drover.provisioned({ name, serial, image: 'vendor:1', rootMode });
  const pi = await powerOn(lab, { model: '4b', serial, memoryMb: 1024, cpus, append: 'systemd.show_status=1' });
  running.push(pi);
  const device = await drover.untilUp(name, null, bootMs).catch((fault: Error) => {
    throw new Error(`${fault.message}\n${pi.guestConsole().slice(-4000)}`);
  });
  const session = await drover.client.call('getSession', { params: { id: device.lastSession ?? '' } });
  expect(session).toMatchObject({ outcome: 'up', verdict: null });
  return pi.guestConsole();
}
