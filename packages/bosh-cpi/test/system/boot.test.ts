import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDirector, type Director } from './director.js';
import { openRack, type Rack } from './rack.js';

// A VM whose board, simulated, starts when it gets power.

let rack: Rack;
let director: Director;
beforeAll(async () => {
  rack = await openRack(1);
  director = createDirector({ url: rack.server.url, key: rack.server.key });
}, 1_800_000);
afterAll(async () => {
  await rack?.stop();
});

const secret = 'PRIVATE KEY OF NATS';
const [prefix] = ['b05c0000'];

it('gets an address from the network, and its settings by nothing that TFTP gives', async () => {
  const env = { bosh: { mbus: { cert: { private_key: secret } } } };
  const properties = { root_mode: 'ram', device: prefix };
  const made = director.get<[string, object]>('create_vm', [
    randomUUID(),
    rack.image,
    properties,
    { net: { type: 'dynamic', default: ['gateway'] } },
    [],
    env,
  ]);
  await expect.poll(() => rack.power(prefix), { timeout: 120_000 }).toBe('on');
  const keep = join(rack.folder, 'kept');
  await mkdir(keep);
  const booted = await rack.boot(prefix, keep);
  const [vm, networks] = await made;
  expect(booted.code, booted.stdout + booted.stderr).toBe(0);
  expect(networks).toMatchObject({ net: { type: 'dynamic', default: ['gateway'], ip: '127.0.0.1' } });
  expect(await rack.settings(vm)).toMatchObject({
    env,
    networks: { net: { type: 'dynamic', use_dhcp: true, preconfigured: true } },
  });

  const kept = await readdir(keep, { recursive: true, withFileTypes: true });
  const files = kept.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
  expect(files.length).toBeGreaterThan(3);
  for (const file of files) expect((await readFile(file)).includes(secret), file).toBe(false);
  await expect
    .poll(async () => (await rack.server.client.devices.get({ params: { ref: vm } })).upGeneration)
    .not.toBeNull();
  await director.get('delete_vm', [vm]);
});
