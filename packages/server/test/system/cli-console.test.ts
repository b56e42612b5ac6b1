import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environmentOf, exitOf, startServer, until, type TestServer } from './server.js';

const drover = fileURLToPath(new URL('../../../cli/bin/drover.js', import.meta.url));
let server: TestServer;
let board: Server;
let port: number;
/** What was typed on the serial line. */
let typed = '';
const lines = new Set<Socket>();

beforeAll(async () => {
  board = createServer((socket) => {
    lines.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => lines.delete(socket));
    socket.on('data', (keys) => {
      typed += keys.toString();
      socket.write(keys);
    });
    socket.write('login: ');
  }).listen(0, '127.0.0.1');
  await once(board, 'listening');
  const address = board.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
  server = await startServer({ settings: { consoles: { localAddresses: true } } });
  await server.cli('device', 'create', '--name', 'sign-17', '--mac', '52:54:00:12:34:56');
});
afterAll(async () => {
  await server.stop();
  for (const line of lines) line.destroy();
  board.close();
});

const start = (program: string, ...args: string[]) => {
  const env = environmentOf(server.folder, { DROVER_SERVER: server.url, DROVER_KEY: server.key, TERM: 'xterm' });
  const child = spawn(program, args, { env, stdio: 'pipe' });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, text: () => text };
};

describe('drover console', () => {
  it('says what to do where nobody said where it is', async () => {
    const { code, stderr } = await server.cli('console', 'sign-17');
    expect(code).toBe(4);
    expect(stderr).toContain('drover device set-console sign-17 --tcp HOST:PORT');
    expect((await server.cli('device', 'set-console', 'sign-17')).stderr).toContain('--tcp, --ssh and --none');
    const set = await server.cli('device', 'set-console', 'sign-17', '--tcp', `localhost:${port}`);
    expect(set.stdout).toContain(`localhost:${port}`);
  });

  it('shows it in a terminal and sends each key, until Ctrl-]', async () => {
    const words = [process.execPath, drover, 'console', 'sign-17'].join(' ');
    const { child, text } = start('script', '-qec', words, '/dev/null');
    await until('the console is shown', () => text().includes('login: '));
    child.stdin.write('root\r\u0003');
    await until('the keys are there', () => typed === 'root\r\u0003');
    await until('what is typed comes back', () => text().includes('login: root'));
    child.stdin.write('\u001d');
    expect(await exitOf(child)).toBe(0);
    expect(typed).toBe('root\r\u0003');
  });

  it('shares the line, and shows what it has kept', async () => {
    const { stdout } = await server.cli('console', 'sign-17', '--no-follow');
    expect(stdout).toContain('login: root');
    const two = [1, 2].map(() => start(process.execPath, drover, 'console', 'sign-17', '--json', '--read-only'));
    for (const { text } of two) await until('it is shown', () => text().includes('{"text":"login: root'));
    expect(lines.size).toBe(1);
    for (const { child } of two) {
      child.kill('SIGINT');
      expect(await exitOf(child)).toBe(130);
    }
  });

  it('is for operators to see, and for admins to say where it is', async () => {
    const keyOf = async (role: string): Promise<string> =>
      (JSON.parse((await server.cli('key', 'create', role, '--role', role, '--json')).stdout) as { key: string }).key;
    const reader = await server.cli('console', 'sign-17', '--no-follow', '--key', await keyOf('reader'));
    expect([reader.code, reader.stdout]).toEqual([5, '']);
    const operator = await keyOf('operator');
    expect((await server.cli('console', 'sign-17', '--no-follow', '--key', operator)).code).toBe(0);
    const set = await server.cli('device', 'set-console', 'sign-17', '--none', '--key', operator);
    expect(set.code).toBe(5);
  });

  it.each(['-oProxyCommand=x', 'a b', '', '$(id)'])('takes no host like %j', async (host) => {
    const answer = await fetch(`${server.url}/api/v2/devices/sign-17`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${server.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ console: { kind: 'ssh', host, user: 'pi', command: 'true' } }),
    });
    expect(answer.status).toBe(400);
  });
});
