import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openCut, type Cut } from './cut.js';
import { createDirector, type Answer, type Director } from './director.js';
import { openRack, type Rack } from './rack.js';

// The CPI is killed after each change that it has the server make, and the director asks once more, word for word.

let rack: Rack;
let cut: Cut;
let director: Director;
beforeAll(async () => {
  rack = await openRack(2);
  cut = await openCut(rack.server.url);
  director = createDirector({ url: rack.server.url, key: rack.server.key, context: { create_vm_seconds: 60 } });
}, 1_800_000);
afterAll(async () => {
  await cut?.stop();
  await rack?.stop();
});

const mostChanges = 40;
let number = 500_000;

/** One call that is killed after so many changes; undefined: it was, and gave no answer. */
const killed = async (
  changes: number,
  method: string,
  args: readonly unknown[],
  requestId: string,
): Promise<Answer | undefined> => {
  try {
    return await director.dare(method, args, { url: cut.url, requestId, onStart: (kill) => cut.arm(changes, kill) });
  } finally {
    cut.disarm();
  }
};

interface Step {
  readonly method: string;
  /** Made anew for each crash. */
  readonly args: () => Promise<readonly unknown[]>;
  /** Moments that are like the one before. */
  readonly skips?: (changes: number) => boolean;
  /** What holds after it was asked again, and puts things back. */
  readonly then: (result: unknown) => Promise<void>;
}

/** Kills the call after its first change, its second, and so on, until it ends before it would be killed. Gives how often it was. */
const throughout = async ({ method, args, skips, then }: Step): Promise<number> => {
  for (let changes = 1; changes <= mostChanges; changes += 1) {
    if (skips?.(changes) === true) continue;
    const given = await args();
    const requestId = `cpi-${(number += 1)}`;
    const answer = await killed(changes, method, given, requestId);
    if (answer !== undefined) expect(answer.error, `${method} that is not killed`).toBeNull();
    const result = answer === undefined ? await director.get(method, given, { requestId }) : answer.result;
    await then(result);
    if (answer !== undefined) return changes - 1;
  }
  throw new Error(`${method} makes more than ${mostChanges} changes`);
};

const network = { default: { type: 'manual', ip: '10.0.0.40', netmask: '255.255.255.0', gateway: '10.0.0.1' } };
const vmArgs = (): unknown[] => [randomUUID(), rack.image, { ephemeral_disk: 16 }, network, [], {}];
const createVm = async (): Promise<string> => (await director.get<[string]>('create_vm', vmArgs()))[0];

const devices = async () => (await rack.server.client.devices.list({})).items;
const disks = async () => (await rack.server.client.disks.list({})).items;
/** Nothing of any VM is left, as soon as the server's jobs of the release are over: a board is surely off before that. */
const isClear = async (): Promise<void> => {
  const seen = async () => (await devices()).map(({ state, labels }) => [state, Object.keys(labels)]);
  await expect.poll(seen).toEqual([
    ['available', ['rack']],
    ['available', ['rack']],
  ]);
  await expect.poll(disks).toEqual([]);
};

describe('killed in the middle and asked again', () => {
  it('create_vm makes one VM', { timeout: 600_000 }, async () => {
    const times = await throughout({
      method: 'create_vm',
      args: async () => vmArgs(),
      then: async (result) => {
        const [vm] = result as [string];
        const used = (await devices()).filter(({ assignment }) => assignment !== null);
        expect(used.map(({ id, assignment }) => [id, assignment?.leaseUntil])).toEqual([[vm, null]]);
        expect((await disks()).map(({ name }) => name.replace(/-\w+$/, '')).sort()).toEqual(['bosh-ephemeral', 'root']);
        await director.get('delete_vm', [vm]);
        await isClear();
      },
    });
    expect(times).toBeGreaterThan(5);
  });

  it('create_vm that is never asked again: the board comes back by itself', async () => {
    // After it took the board and made the ephemeral disk.
    expect(await killed(4, 'create_vm', vmArgs(), 'cpi-400000')).toBeUndefined();
    const [taken] = (await devices()).filter(({ assignment }) => assignment !== null);
    expect(taken?.assignment?.leaseUntil).not.toBeNull();
    const isFree = async (): Promise<boolean> => (await devices()).every(({ state }) => state === 'available');
    await expect.poll(isFree, { timeout: 150_000, interval: 2000 }).toBe(true);
    // What it left there goes with the next VM of that board.
    const [vm] = await director.get<[string]>('create_vm', [
      randomUUID(),
      rack.image,
      { device: taken?.id },
      network,
      [],
      {},
    ]);
    await director.get('delete_vm', [vm]);
    await isClear();
  });

  it('delete_vm deletes it', { timeout: 600_000 }, async () => {
    let vm = '';
    const times = await throughout({
      method: 'delete_vm',
      args: async () => [(vm = await createVm())],
      then: async () => {
        expect(await director.get('has_vm', [vm])).toBe(false);
        await isClear();
      },
    });
    expect(times).toBeGreaterThan(1);
  });

  describe('with a VM', () => {
    let vm: string;
    beforeAll(async () => {
      vm = await createVm();
    }, 120_000);
    let before: number;
    beforeEach(async () => {
      before = (await disks()).length;
    });

    it('create_disk makes one disk', async () => {
      const times = await throughout({
        method: 'create_disk',
        args: async () => [16, {}, vm],
        then: async (disk) => {
          expect(await disks()).toHaveLength(before + 1);
          await director.get('delete_disk', [disk]);
        },
      });
      expect(times).toBe(1);
    });

    it('what is done to a disk is done once', { timeout: 900_000 }, async () => {
      const disk = await director.get<string>('create_disk', [16, {}, vm]);
      const settings = async (): Promise<string[]> => Object.keys((await rack.settings(vm))?.disks['persistent'] ?? {});
      await throughout({
        method: 'attach_disk',
        args: async () => [vm, disk],
        then: async () => {
          expect(await director.get('get_disks', [vm])).toEqual([disk]);
          expect(await settings()).toEqual([disk]);
          await director.get('detach_disk', [vm, disk]);
        },
      });
      await throughout({
        method: 'detach_disk',
        args: async () => {
          await director.get('attach_disk', [vm, disk]);
          return [vm, disk];
        },
        then: async () => {
          expect(await director.get('get_disks', [vm])).toEqual([]);
          expect(await settings()).toEqual([]);
        },
      });
      const snapshots = async (): Promise<number> =>
        (await rack.server.client.disks.snapshots({ params: { ref: disk } })).items.length;
      let snapshot = '';
      await throughout({
        method: 'snapshot_disk',
        args: async () => [disk, {}],
        then: async (cid) => {
          snapshot = cid as string;
          expect(await snapshots()).toBe(1);
          await director.get('delete_snapshot', [snapshot]);
        },
      });
      await throughout({
        method: 'delete_snapshot',
        args: async () => [await director.get('snapshot_disk', [disk, {}])],
        then: async () => expect(await snapshots()).toBe(0),
      });
      let size = 16;
      await throughout({
        method: 'resize_disk',
        args: async () => [disk, (size += 16)],
        then: async () => {
          expect((await rack.server.client.disks.get({ params: { ref: disk } })).size).toBe(size * 2 ** 20);
        },
      });
      await throughout({
        method: 'delete_disk',
        args: async () => [await director.get('create_disk', [16, {}, vm])],
        then: async () => expect(await disks()).toHaveLength(before + 1),
      });
      await director.get('delete_disk', [disk]);
    });

    it('and is told what it is', async () => {
      await throughout({
        method: 'set_vm_metadata',
        args: async () => [vm, { job: `job-${number}` }],
        then: async () => {
          expect((await rack.server.client.devices.get({ params: { ref: vm } })).labels['bosh/job']).toBe(
            `job-${number - 1}`,
          );
        },
      });
      await throughout({ method: 'reboot_vm', args: async () => [vm], then: async () => undefined });
      await director.get('delete_vm', [vm]);
      await isClear();
    });
  });

  it('create_stemcell imports one image, delete_stemcell takes it away', { timeout: 600_000 }, async () => {
    const images = async (): Promise<number> => (await rack.server.client.images.list({})).items.length;
    const create = [rack.card, { name: 'stemcell', version: '1' }];
    const chunks = Math.ceil((await stat(rack.card)).size / (16 * 2 ** 20));
    await throughout({
      method: 'create_stemcell',
      args: async () => create,
      // The first request begins the upload, each of the next brings a piece of it.
      skips: (changes) => changes > 2 && changes <= chunks,
      then: async (cid) => {
        expect(await images()).toBe(2);
        await director.get('delete_stemcell', [cid]);
        await expect.poll(images).toBe(1);
      },
    });
    await throughout({
      method: 'delete_stemcell',
      args: async () => [await director.get('create_stemcell', create)],
      then: async () => void (await expect.poll(images).toBe(1)),
    });
  });
});
