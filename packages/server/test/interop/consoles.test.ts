import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DeviceConsole } from '@drover/contract';
import { createOpenConsole, type ConsoleGuard } from '../../src/adapters/consoles/index.js';
import { guardedLookup, isInnermost } from '../../src/adapters/import/addresses.js';
import { createConsoleHub, type ConsoleHub } from '../../src/app/consoles/hub.js';
import { silentLog } from '../boot/log.js';
import { lookup } from 'node:dns';

const run = promisify(execFile);
const anywhere: ConsoleGuard = { isInnermost: () => false, lookup };

let folder: string;
const programs: ChildProcess[] = [];
const hubs: ConsoleHub[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drv-console-'));
});
afterEach(async () => {
  for (const hub of hubs.splice(0)) await hub.stop();
  for (const program of programs.splice(0)) {
    if (program.exitCode !== null || program.signalCode !== null) continue;
    program.kill();
    await once(program, 'close');
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const start = (program: string, ...args: string[]): ChildProcess => {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  programs.push(child);
  return child;
};

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
};

const answers = (port: number): Promise<boolean> =>
  run('bash', ['-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`]).then(
    () => true,
    () => false,
  );

/** A serial line with a board on it that answers each line, and what shares it over the network: Debian's socat and ser2net. */
async function ser2net(mode: 'tcp' | 'telnet'): Promise<number> {
  const [line, port] = [join(folder, `tty-${mode}`), await freePort()];
  const board = join(folder, 'board.sh');
  await writeFile(
    board,
    'printf "U-Boot 2026.01\\r\\nlogin: "; while read -r said; do printf "you said %s\\r\\n" "$said"; done\n',
  );
  start('socat', `PTY,link=${line},rawer,wait-slave`, `EXEC:sh ${board},pty,rawer`);
  await expect
    .poll(() =>
      run('test', ['-e', line]).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
  const config = join(folder, `${mode}.yaml`);
  const accepter = mode === 'telnet' ? `telnet,tcp,127.0.0.1,${port}` : `tcp,127.0.0.1,${port}`;
  await writeFile(
    config,
    `%YAML 1.1\n---\nconnection: &board\n  accepter: ${accepter}\n  connector: serialdev,${line},115200n81,local\n  enable: on\n  options:\n    kickolduser: true\n`,
  );
  start('ser2net', '-n', '-u', '-c', config);
  await expect.poll(() => answers(port)).toBe(true);
  return port;
}

const hubOf = (ssh: { key?: string; knownHosts?: string } = {}, guard: ConsoleGuard = anywhere): ConsoleHub => {
  const hub = createConsoleHub({
    open: createOpenConsole(ssh, guard),
    log: silentLog,
    limits: { retryMs: 100, idleMs: 200 },
  });
  hubs.push(hub);
  return hub;
};

async function look(hub: ConsoleHub, console: DeviceConsole) {
  const leaving = new AbortController();
  const found = await hub.watch('dev', console, leaving.signal);
  if (!found.ok) throw new Error(found.detail);
  let text = '';
  void (async () => {
    for await (const bytes of found.value) text += Buffer.from(bytes).toString();
  })();
  return { seen: () => text, leave: () => leaving.abort() };
}

const type = async (hub: ConsoleHub, console: DeviceConsole, text: string): Promise<void> =>
  expect(await hub.write('dev', console, Buffer.from(text))).toEqual({ ok: true, value: null });

describe.each(['tcp', 'telnet'] as const)('a console at a ser2net (%s)', (mode) => {
  it('is seen and typed on', async () => {
    const place = { kind: 'tcp', host: 'localhost', port: await ser2net(mode), telnet: mode === 'telnet' } as const;
    const hub = hubOf();
    const first = await look(hub, place);
    await type(hub, place, 'root\n');
    await expect.poll(first.seen).toContain('you said root\r\n');
    const second = await look(hub, place);
    await expect.poll(second.seen).toContain('you said root\r\n');
    await type(hub, place, 'reboot\n');
    await expect.poll(second.seen).toContain('you said reboot\r\n');
    // Nothing of telnet's own is shown.
    expect(second.seen()).not.toContain('\ufffd');
  });
});

describe('a console at a peer of its own making', () => {
  it('comes back when its server does', async () => {
    const port = await freePort();
    const listen = async () => {
      const server = createServer((socket) => socket.on('error', () => undefined).write('ready\r\n')).listen(
        port,
        '127.0.0.1',
      );
      await once(server, 'listening');
      return server;
    };
    const server = createServer((socket) => socket.end('bye\r\n')).listen(port, '127.0.0.1');
    await once(server, 'listening');
    const { seen } = await look(hubOf(), { kind: 'tcp', host: '127.0.0.1', port, telnet: false });
    await expect.poll(seen).toContain('[drover: the console is lost: the other side closed it]');
    server.close();
    const again = await listen();
    await expect.poll(seen).toContain('ready');
    again.close();
  });

  it('is none at this machine itself, unless that is allowed', async () => {
    const hub = hubOf({}, { isInnermost, lookup: guardedLookup });
    for (const host of ['127.0.0.1', '::1', 'localhost', '169.254.169.254']) {
      expect(
        await hub.watch('dev', { kind: 'tcp', host, port: 1, telnet: false }, AbortSignal.timeout(1000)),
      ).toMatchObject({
        code: 'console.unreachable',
        detail: expect.stringMatching(/this machine or its link/) as string,
      });
    }
  });
});

describe('a console through ssh', () => {
  const user = userInfo().username;
  let port: number;
  let key: string;
  let knownHosts: string;
  let sshd: ChildProcess;

  beforeAll(async () => {
    port = await freePort();
    const at = (name: string): string => join(folder, 'ssh with blanks', name);
    await mkdir(join(folder, 'ssh with blanks'));
    for (const name of ['host', 'own', 'other'])
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)]);
    [key, knownHosts] = [at('own'), at('known_hosts')];
    await writeFile(at('authorized_keys'), await readFile(at('own.pub')));
    await chmod(at('authorized_keys'), 0o600);
    await writeFile(knownHosts, `[localhost]:${port} ${await readFile(at('host.pub'), 'utf8')}`);
    const settings = {
      Port: port,
      ListenAddress: '127.0.0.1',
      HostKey: `"${at('host')}"`,
      AuthorizedKeysFile: `"${at('authorized_keys')}"`,
      StrictModes: 'no',
      UsePAM: 'no',
      PidFile: 'none',
      PasswordAuthentication: 'no',
    };
    await writeFile(
      at('sshd_config'),
      Object.entries(settings)
        .map(([name, value]) => `${name} ${value}\n`)
        .join(''),
    );
    await mkdir('/run/sshd', { recursive: true });
    sshd = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', at('sshd_config')], { stdio: 'ignore' });
    while (!(await answers(port))) await new Promise((resolve) => setTimeout(resolve, 50));
  });
  afterAll(async () => {
    sshd.kill();
    await once(sshd, 'close');
  });

  const place = (command: string, more: Partial<Extract<DeviceConsole, { kind: 'ssh' }>> = {}): DeviceConsole => ({
    ...{ kind: 'ssh', host: 'localhost', port, user, command },
    ...more,
  });

  it('is what a program there shows and is told', async () => {
    const hub = hubOf({ key, knownHosts });
    const where = place(
      'stty raw -echo; printf "ready\\r\\n"; while read -r said; do printf "got %s\\r\\n" "$said"; done',
    );
    const { seen } = await look(hub, where);
    await expect.poll(seen).toContain('ready\r\n');
    await type(hub, where, 'help\n');
    await expect.poll(seen).toContain('got help\r\n');
    // Neither a key of ssh's own nor the end of anything.
    await type(hub, where, '\n~.\n');
    await expect.poll(seen).toContain('got ~.\r\n');
  });

  it('ends its program there when nobody looks any more', async () => {
    const [hub, pidFile] = [hubOf({ key, knownHosts }), join(folder, 'pid')];
    const { seen, leave } = await look(hub, place(`echo $$ > ${pidFile}; echo there; exec sleep 600`));
    await expect.poll(seen).toContain('there');
    const pid = Number(await readFile(pidFile, 'utf8'));
    leave();
    const runs = (): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    await expect.poll(runs).toBe(false);
  });

  it('goes to no host whose key is not known, and with no key but its own', async () => {
    const nobody = join(folder, 'nobody');
    await writeFile(nobody, '');
    const strange = await look(hubOf({ key, knownHosts: nobody }), place('echo never'));
    await expect.poll(strange.seen).toMatch(/the console is lost: .*(verification failed|host key)/i);
    const refused = await look(hubOf({ key: join(folder, 'ssh with blanks/other'), knownHosts }), place('echo never'));
    await expect.poll(refused.seen).toMatch(/the console is lost: .*Permission denied/);
    expect(strange.seen() + refused.seen()).not.toContain('never');
  });

  it('says what the settings lack', async () => {
    const found = await hubOf().watch('dev', place('true'), AbortSignal.timeout(1000));
    expect(found).toMatchObject({
      code: 'console.unreachable',
      detail: expect.stringMatching(/consoles\.ssh\.key/) as string,
    });
  });
});
