import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { run } from './inputs/run.js';
import { createLab, sweepLabs, type Lab } from './lab/index.js';

let lab: Lab | undefined;
afterEach(async () => lab?.dispose());

async function namespaces(): Promise<string> {
  return (await run(['ip', 'netns', 'list'])).stdout;
}

test('router and server reach each other, and nothing outside', async () => {
  lab = await createLab({ name: 'reach' });
  await lab.run(['busybox', 'ping', '-c', '1', '-W', '2', lab.net.router], { at: 'server' });
  await lab.run(['busybox', 'ping', '-c', '1', '-W', '2', lab.net.server], { at: 'router' });
  const { stdout } = await lab.run(['ip', '-o', 'link'], { at: 'server' });
  expect(stdout.trim().split('\n')).toHaveLength(2);
  await expect(lab.run(['busybox', 'ping', '-c', '1', '-W', '1', '192.0.2.1'], { at: 'router' })).rejects.toThrow(
    /unreachable/,
  );
});

test('a DHCP client gets a lease from the router', async () => {
  lab = await createLab({ name: 'lease' });
  const client = await lab.spawn(
    ['busybox', 'udhcpc', '-f', '-q', '-n', '-i', 'eth0', '-s', '/bin/true', '-x', 'hostname:probe'],
    { at: 'server' },
  );
  await client.console.expect(
    new RegExp(`lease of ${lab.net.prefix.replaceAll('.', '\\.')}\\.1\\d\\d obtained`),
    20_000,
  );
  expect(await lab.router?.leases()).toMatchObject([{ hostname: 'probe' }]);
  expect(await lab.router?.log()).toContain('DHCPACK');
});

test('a port of the server namespace can be reached from out here', async () => {
  lab = await createLab({ name: 'forward', router: false });
  await lab
    .spawn(
      [
        'node',
        '-e',
        'require("http").createServer((q, s) => s.end("hello " + q.url)).listen(8080, "127.0.0.1", () => console.log("up"))',
      ],
      {
        at: 'server',
      },
    )
    .then((server) => server.console.expect('up', 10_000));
  const { port } = await lab.forward(8080);
  const answer = await fetch(`http://127.0.0.1:${port}/x`);
  expect(await answer.text()).toBe('hello /x');
});

test('disposing leaves no namespace, process or file', async () => {
  const mine = await createLab({ name: 'gone' });
  await mine.tap();
  // One that ignores SIGTERM and one that has a child of its own.
  const stubborn = await mine.spawn(['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'], {
    at: 'server',
  });
  await stubborn.console.expect('ready', 5_000);
  const routerPid = mine.router?.process.pid ?? 0;
  await mine.dispose();
  await mine.dispose();
  expect((await stubborn.ended).signal).toBe('SIGKILL');
  expect(await namespaces()).not.toContain(mine.id);
  expect(existsSync(mine.dir)).toBe(false);
  expect(existsSync(`/proc/${routerPid}`)).toBe(false);
});

test('what a killed run left is swept; a living lab is not', async () => {
  lab = await createLab({ name: 'alive' });
  const child = spawn(
    process.execPath,
    [
      '--import',
      'tsx',
      '--input-type=module',
      '-e',
      `import { createLab } from ${JSON.stringify(new URL('./lab/index.ts', import.meta.url).href)};
      const lab = await createLab({ name: 'orphan' });
      await lab.spawn(['sleep', '1000'], { at: 'server' });
      console.log('LAB', lab.id, lab.dir);
      setInterval(() => undefined, 1000);`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const [, id = '', dir = ''] = line.toString().trim().split(' ');
  child.kill('SIGKILL');
  await once(child, 'close');
  expect(await namespaces()).toContain(id);
  expect(await sweepLabs()).toEqual([id]);
  expect(await namespaces()).not.toContain(id);
  expect(existsSync(dir)).toBe(false);
  await lab.run(['true'], { at: 'server' });
});
