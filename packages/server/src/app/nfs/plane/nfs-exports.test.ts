import { describe, expect, it } from 'vitest';
import { silentLog } from '../../../../test/boot/log.js';
import type { NfsExport, RememberedExport } from '../ports.js';
import { createNfsExports } from './nfs-exports.js';

const never = new AbortController().signal;
const boot = { device: 'dev_1', session: 'bs_1' };
const root = { disk: 'dsk_1', readOnly: false };

function world(remembered: readonly RememberedExport[] = []) {
  const state = {
    applied: [] as readonly NfsExport[],
    applications: 0,
    remembered,
    /** Addresses that somebody has. */
    there: new Set<string>(),
    told: [] as string[],
    isBroken: false,
  };
  const exports = createNfsExports({
    server: {
      ...{ port: 2049, mountPort: 20048, versions: () => '3,4', path: ({ disk }) => disk },
      apply: async (all) => {
        if (state.isBroken) throw new Error('broken');
        state.applied = all;
        state.applications += 1;
        await new Promise(setImmediate);
      },
      start: async () => undefined,
      stop: async () => undefined,
    },
    pool: { place: (disk) => (disk === 'dsk_gone' ? undefined : { folder: `/${disk}`, number: 1 }) },
    memory: { load: async () => state.remembered, save: async (all) => void (state.remembered = all) },
    isAnswering: async (address) => state.there.has(address),
    pause: async () => new Promise(setImmediate),
    moved: (session, from, to) => void state.told.push(`${session} moved ${from} ${to}`),
    impostor: (session, from, to) => void state.told.push(`${session} refused ${from} ${to}`),
    log: silentLog,
  });
  const clients = (): string[] => state.applied.map(({ disk, address }) => `${disk} ${address}`).sort();
  const settled = async (): Promise<void> => {
    for (let i = 0; i < 30; i++) await new Promise(setImmediate);
  };
  return { state, exports, clients, settled };
}

describe('what boards may mount', () => {
  it('is exported to the address a board proved itself from, before it hears of it', async () => {
    const { exports, clients } = world();
    await exports.start(never);
    await exports.allow(boot, '10.0.0.5', [root, { disk: 'dsk_2', readOnly: true }]);
    expect(clients()).toEqual(['dsk_1 10.0.0.5', 'dsk_2 10.0.0.5']);
    expect(exports.isOpen('dsk_1', 'dev_1')).toBe(true);
    expect(exports.isOpen('dsk_1', 'dev_2')).toBe(false);
    await exports.allow({ ...boot, session: 'bs_2' }, '10.0.0.6', [root]);
    expect(clients()).toEqual(['dsk_1 10.0.0.6']);
  });

  it('fails with the server, and is right with the next change', async () => {
    const { exports, clients, state } = world();
    state.isBroken = true;
    await expect(exports.allow(boot, '10.0.0.5', [root])).rejects.toThrow('broken');
    state.isBroken = false;
    await exports.allow({ device: 'dev_2', session: 'bs_9' }, '10.0.0.9', [{ disk: 'dsk_9', readOnly: false }]);
    expect(clients()).toEqual(['dsk_1 10.0.0.5', 'dsk_9 10.0.0.9']);
  });

  it('is changed for many boards at once in few steps', async () => {
    const { exports, state } = world();
    const all = Array.from({ length: 100 }, (_each, n) =>
      exports.allow({ device: `dev_${n}`, session: `bs_${n}` }, `10.0.1.${n}`, [{ disk: `dsk_${n}`, readOnly: false }]),
    );
    await Promise.all(all);
    expect(state.applied).toHaveLength(100);
    expect(state.applications).toBeLessThan(5);
  });

  it('ends with the boot, or with what is mounted, and not with an earlier boot', async () => {
    const { exports, clients, settled } = world();
    await exports.allow(boot, '10.0.0.5', [root]);
    await exports.allow({ ...boot, session: 'bs_2' }, '10.0.0.5', [root]);
    exports.endSession('bs_1');
    await settled();
    expect(clients()).toEqual(['dsk_1 10.0.0.5']);
    await exports.withdraw('dsk_1', 'dev_other');
    expect(clients()).toEqual(['dsk_1 10.0.0.5']);
    await exports.withdraw('dsk_1');
    expect(clients()).toEqual([]);
    await exports.allow(boot, '10.0.0.5', [root]);
    exports.endSession('bs_1');
    await settled();
    expect(clients()).toEqual([]);
  });

  it('is as it was after a restart, but for what is gone', async () => {
    const had = { ...boot, ...root, address: '10.0.0.5' };
    const { exports, clients } = world([had, { ...had, disk: 'dsk_gone' }]);
    await exports.start(never);
    expect(clients()).toEqual(['dsk_1 10.0.0.5']);
    await exports.stop();
  });
});

describe('a board that asks for another address', () => {
  it('is followed when nobody answers at the one it had', async () => {
    const { exports, clients, state, settled } = world();
    await exports.allow(boot, '10.0.0.5', [root]);
    exports.heard('dev_1', '10.0.0.7');
    exports.heard('dev_1', '10.0.0.7');
    await settled();
    expect(clients()).toEqual(['dsk_1 10.0.0.7']);
    expect(state.told).toEqual(['bs_1 moved 10.0.0.5 10.0.0.7']);
    expect(state.remembered).toMatchObject([{ address: '10.0.0.7' }]);
  });

  it('is not followed while it, or the board that it copies, answers where it was', async () => {
    const { exports, clients, state, settled } = world();
    await exports.allow(boot, '10.0.0.5', [root]);
    state.there.add('10.0.0.5');
    exports.heard('dev_1', '10.0.0.7');
    await settled();
    expect(clients()).toEqual(['dsk_1 10.0.0.5']);
    expect(state.told).toEqual(['bs_1 refused 10.0.0.5 10.0.0.7']);
  });

  it('is left alone where it is', async () => {
    const { exports, clients, state, settled } = world();
    await exports.allow(boot, '10.0.0.5', [root]);
    exports.heard('dev_1', '10.0.0.5');
    exports.heard('dev_2', '10.0.0.7');
    await settled();
    expect(clients()).toEqual(['dsk_1 10.0.0.5']);
    expect(state.told).toEqual([]);
  });

  it('that has started again meanwhile is not moved by what it asked for before', async () => {
    const { exports, clients, settled } = world();
    await exports.allow(boot, '10.0.0.5', [root]);
    exports.heard('dev_1', '10.0.0.7');
    await exports.allow({ ...boot, session: 'bs_2' }, '10.0.0.8', [root]);
    await settled();
    expect(clients()).toEqual(['dsk_1 10.0.0.8']);
  });
});
