import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { allSteps, done, prepareBoots, upTimeoutMs, type Boots } from './device/boot.js';
import { inputs } from './inputs/index.js';

// The runtime of a board against a server that is not ours, and what goes wrong between them. The rest: device.test.ts.

let boots: Boots;
beforeAll(async () => {
  boots = await prepareBoots(await inputs.fast());
});
afterEach(() => boots?.end());
afterAll(() => boots?.dispose());

test('a root that is being made is waited for, with one nonce', async () => {
  const { server } = await boots.boot({ faults: { notReady: 3 } });
  await server.report('up', 'ok', upTimeoutMs);
  expect(server.nonces).toHaveLength(4);
  expect(new Set(server.nonces).size).toBe(1);
  const waiting = server.reports.filter(({ step, state }) => step === 'exchange' && state === 'progress');
  expect(waiting.map(({ message }) => message)).toEqual(['waiting for the root to be made (HTTP 503: packing: 10 %)']);
});

test('wrong bytes are noticed and fetched once more', async () => {
  const { server } = await boots.boot({ faults: { corrupt: 1 } });
  await server.report('up', 'ok', upTimeoutMs);
  expect(server.ranges).toEqual(['', '']);
  expect(server.reports.find(({ step, state }) => step === 'verify' && state === 'info')?.message).toContain('sha256');
});

test('bytes that stay wrong end the boot with the reason and a restart', async () => {
  const { server, guest } = await boots.boot({ faults: { corrupt: 2 } });
  const failed = await server.report('verify', 'failed', upTimeoutMs);
  expect(failed.message).toContain(boots.image.root.sha256);
  expect(await guest.ended).toBe(0);
  expect(server.reports.find(({ log }) => log === 'kernel')?.body).toContain('Linux version');
  expect(server.reports.find(({ log }) => log === 'initramfs')?.body).toContain('failed at verify');
});

test('a server that drops its first connections is asked again', async () => {
  const { server } = await boots.boot({ faults: { dropped: 4 } });
  await server.report('up', 'ok', upTimeoutMs);
  expect(done(server)).toEqual(allSteps);
});

test('a refused board says so and restarts after the time the kernel was given', async () => {
  const { server, guest } = await boots.boot(
    { faults: { refuse: true } },
    { console: 'console=ttyAMA0 panic=3 quiet' },
  );
  const failed = await server.report('exchange', 'failed', upTimeoutMs);
  expect(failed.message).toContain('The secret was used by another board.');
  await guest.console.expect('restarting in 3 s', 30_000);
  expect(await guest.ended).toBe(0);
});

test('a root that does not fit into memory is refused before it is fetched', async () => {
  const { server, guest } = await boots.boot({ faults: { size: 400_000_000 } }, { memoryMiB: 256 });
  const failed = await server.report('download', 'failed', upTimeoutMs);
  expect(failed.message).toMatch(/not enough memory for the root: it takes 400 MB .* Use root mode stream or nbd/);
  expect(server.ranges).toEqual([]);
  expect(await guest.ended).toBe(0);
});

test('of two network cards the one that gets a lease is taken', async () => {
  const { server } = await boots.boot({}, { network: 'second' });
  const network = await server.report('network', 'ok', upTimeoutMs);
  expect(network.message).toContain('10.0.2.15 on eth1');
  await server.report('up', 'ok', upTimeoutMs);
});

test('without a DHCP server a board keeps asking, then says what is wrong and restarts', async () => {
  const { guest } = await boots.boot({}, { network: 'silent', parameters: 'drover.patience=20' });
  await guest.console.expect('asking for an address', upTimeoutMs);
  await guest.console.expect(/failed at network: no answer from a DHCP server on eth0 \(waited 20 s\)/, 120_000);
  expect(await guest.ended).toBe(0);
});
