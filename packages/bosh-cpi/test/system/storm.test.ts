import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDirector, executable, type Director } from './director.js';
import { openRack, type Rack } from './rack.js';

// As many calls at once as a director with many workers makes, and what the start of one costs.

const calls = 50;
const boards = 40;
let rack: Rack;
let director: Director;
beforeAll(async () => {
  rack = await openRack(boards);
  director = createDirector({ url: rack.server.url, key: rack.server.key });
}, 1_800_000);
afterAll(async () => {
  await rack?.stop();
});

describe('fifty calls at once', () => {
  const vms: string[] = [];
  const network = { default: { type: 'manual', ip: '10.0.0.40', netmask: '255.255.255.0', gateway: '10.0.0.1' } };
  const many = <T>(make: (index: number) => Promise<T>, count = calls): Promise<T[]> =>
    Promise.all(Array.from({ length: count }, (_, index) => make(index)));

  it('give forty boards to forty VMs, and tell ten that there is none', { timeout: 600_000 }, async () => {
    const answers = await many(() => director.ask('create_vm', [randomUUID(), rack.image, {}, network, [], {}]));
    for (const { result, error } of answers)
      if (error === null) vms.push((result as [string])[0]);
      else expect(error.type, error.message).toBe('Bosh::Clouds::VMCreationFailed');
    expect(new Set(vms).size).toBe(boards);
    expect(vms).toHaveLength(boards);
  });

  it('give one VM ten disks that its agent knows of', { timeout: 600_000 }, async () => {
    const disks = await many(() => director.get<string>('create_disk', [16, {}, vms[0]]), 10);
    expect(new Set(disks).size).toBe(10);
    const hints = await many((index) => director.get<{ path: string }>('attach_disk', [vms[0], disks[index]]), 10);
    expect(new Set(hints.map(({ path }) => path)).size).toBe(10);
    expect([...(await director.get<string[]>('get_disks', [vms[0]]))].sort()).toEqual([...disks].sort());
    const told = (await rack.settings(vms[0] ?? ''))?.disks['persistent'] as Record<string, { path: string }>;
    expect(told).toEqual(Object.fromEntries(disks.map((id, index) => [id, { id, ...hints[index] }])));
  });

  it('take all of it back', { timeout: 600_000 }, async () => {
    await many((index) => director.get('delete_vm', [vms[index % boards]]));
    const { items } = await rack.server.client.devices.list({ query: { limit: 500 } });
    expect(new Set(items.map(({ state }) => state))).toEqual(new Set(['available']));
    expect((await rack.server.client.disks.list({ query: { role: 'data' } })).items).toHaveLength(10);
  });
});

describe('the start of a call', () => {
  /** The best of some, in ms: what else the machine does is not the program's. */
  const best = (run: () => void): number => {
    const times = Array.from({ length: 10 }, () => {
      const begun = performance.now();
      run();
      return performance.now() - begun;
    });
    return Math.min(...times);
  };

  it('needs nothing but its one file and Node', async () => {
    const copy = join(rack.folder, 'cpi');
    await copyFile(executable, copy);
    const drover = { url: rack.server.url, key: rack.server.key };
    const input = JSON.stringify({ method: 'has_vm', arguments: ['123'], context: { drover } });
    expect(JSON.parse(spawnSync(copy, [], { input, cwd: rack.folder }).stdout.toString())).toMatchObject({
      result: false,
    });
    await writeFile(join(rack.folder, 'cpi.json'), JSON.stringify({ drover }));
    const byFile = spawnSync(copy, ['--config', join(rack.folder, 'cpi.json')], {
      input: '{"method":"has_disk","arguments":["x"]}',
    });
    expect(JSON.parse(byFile.stdout.toString())).toMatchObject({ result: false, error: null });
    const none = spawnSync(copy, ['--config', '/nowhere'], { input: '{"method":"has_disk","arguments":["x"]}' });
    expect(JSON.parse(none.stdout.toString())).toMatchObject({ error: { type: 'Bosh::Clouds::CpiError' } });
  });

  it('takes less than 150 ms, or little more than Node itself where that takes as long', () => {
    const node = best(() => spawnSync(process.execPath, ['-e', '0']));
    const info = best(() => spawnSync(executable, [], { input: '{"method":"info","arguments":[]}' }));
    console.log(`drover-cpi info: ${Math.round(info)} ms, node alone: ${Math.round(node)} ms`);
    expect(info).toBeLessThan(Math.max(150, node * 2));
  });
});
