import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { loopbackSettings, startServer, until, type TestServer } from './server.js';

// Rules of TFTP as `drover serve` has them from its settings file, and from a changed one.

let folder: string;
let server: TestServer | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-system-'));
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

const run = promisify(execFile);
/** What curl got, or its exit code. */
const get = async (port: number, path: string): Promise<string> =>
  run('curl', ['-sS', '--max-time', '20', `tftp://127.0.0.1:${port}/${path}`]).then(
    ({ stdout }) => stdout,
    (error: unknown) => `exit ${String((error as { code?: number }).code)}`,
  );

it('the server answers by its rules, takes changed ones up, and keeps those it has when the new ones are none', async () => {
  await writeFile(join(folder, 'motd'), 'hello');
  const settings = (await loopbackSettings(join(folder, 'data'))) as { boot: { tftp: object } };
  const rules = (...list: object[]) => ({ boot: { ...settings.boot, tftp: { ...settings.boot.tftp, rules: list } } });
  const program = { match: '^from/(.+)$', program: '/bin/echo', args: ['$1'] };
  const { boot } = rules({ match: '^motd$', file: join(folder, 'motd') }, program);
  server = await startServer({ folder, settings: { ...settings, boot } });
  expect(await get(server.tftpPort, 'motd')).toBe('hello');
  expect(await get(server.tftpPort, 'from/here')).toBe('here\n');
  // curl's "not found".
  expect(await get(server.tftpPort, 'motd2')).toBe('exit 68');

  const file = join(folder, 'drover.yaml');
  const change = async (...list: object[]): Promise<void> => {
    const known = parse(await readFile(file, 'utf8')) as object;
    await writeFile(file, stringify({ ...known, ...rules(...list) }));
    await server!.kill('supervisor', 'SIGUSR2');
  };
  await change({ match: '(', file: '/etc/passwd' });
  await until('the new rules are refused', () => server!.output().includes('boot.tftp.rules.0.match'));
  expect(await get(server.tftpPort, 'motd')).toBe('hello');

  await change({ match: '^(motd\\d)$', root: folder, file: 'motd' });
  await until('the new rules are in force', async () => (await get(server!.tftpPort, 'motd2')) === 'hello');
  expect(await get(server.tftpPort, 'motd')).toBe('exit 68');
});

it('a program ends with the boot plane that started it, even by kill -9', async () => {
  const pidFile = join(folder, 'pid');
  const program = join(folder, 'hangs');
  await writeFile(program, `#!/bin/sh\necho $$ > ${pidFile}.new && mv ${pidFile}.new ${pidFile}\nexec sleep 1000\n`, {
    mode: 0o755,
  });
  const settings = (await loopbackSettings(join(folder, 'data'))) as { boot: { tftp: object } };
  const rules = [{ match: '^p$', program, timeoutSeconds: 60 }];
  const boot = { ...settings.boot, tftp: { ...settings.boot.tftp, rules } };
  server = await startServer({ folder, settings: { ...settings, boot } });
  const asking = get(server.tftpPort, 'p');
  await until('the program runs', () => existsSync(pidFile));
  const pid = (await readFile(pidFile, 'utf8')).trim();
  await server.kill('boot', 'SIGKILL');
  const isGone = async (): Promise<boolean> =>
    /^(|.*\) [ZX] .*)$/s.test(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''));
  await until('the program has ended', isGone);
  await asking;
});
