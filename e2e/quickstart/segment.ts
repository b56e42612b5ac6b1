import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { run } from '../inputs/run.js';
import { startRouter } from '../lab/router.js';
import { claimLab, namespacePrefix, removeLab, sweepLabs } from '../lab/sweep.js';

/** A network segment with a home router of its own, joined to this machine by one virtual cable. */
export interface Segment {
  readonly dir: string;
  /** Name of our end of the cable, and this machine's address on it. */
  readonly cable: string;
  readonly address: string;
  netns(place: 'router'): string;
  tap(): Promise<string>;
  dispose(): Promise<void>;
}

/** Unlike a lab's, the server's end lies in the machine's own network, where `drover serve` finds it like any other interface. */
export async function createSegment(): Promise<Segment> {
  await sweepLabs();
  const id = randomBytes(3).toString('hex');
  const netns = `${namespacePrefix}${id}-router`;
  const prefix = `10.78.${1 + (parseInt(id.slice(0, 2), 16) % 254)}`;
  const cable = `drover-${id}`;
  const dir = await mkdtemp(path.join(os.tmpdir(), `drover-quickstart-${id}-`));
  const inside = (...args: string[]) => run(['ip', '-n', netns, ...args]);
  const dispose = () => removeLab(id, dir);
  let taps = 0;
  try {
    await claimLab(id, dir);
    await run(['ip', 'netns', 'add', netns]);
    await inside('link', 'set', 'lo', 'up');
    await inside('link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0', 'stp_state', '0');
    await inside('addr', 'add', `${prefix}.1/24`, 'dev', 'br0');
    await inside('link', 'set', 'br0', 'up');
    await run(['ip', 'link', 'add', cable, 'type', 'veth', 'peer', 'name', 'uplink', 'netns', netns]);
    await inside('link', 'set', 'uplink', 'master', 'br0', 'up');
    await run(['ip', 'addr', 'add', `${prefix}.2/24`, 'dev', cable]);
    await run(['ip', 'link', 'set', cable, 'up']);
    await startRouter({ netns, dir, prefix });
  } catch (fault) {
    await dispose();
    throw fault;
  }
  return {
    ...{ dir, cable, address: `${prefix}.2`, dispose },
    netns: () => netns,
    async tap() {
      const name = `tap${taps++}`;
      await inside('tuntap', 'add', name, 'mode', 'tap');
      await inside('link', 'set', name, 'master', 'br0', 'up');
      return name;
    },
  };
}
