import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environmentOf, exitOf, startServer, until, type TestServer } from './server.js';

const drover = fileURLToPath(new URL('../../../cli/bin/drover.js', import.meta.url));
let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

const start = (program: string, ...args: string[]) => {
  const env = environmentOf(server.folder, { DROVER_SERVER: server.url, DROVER_KEY: server.key, TERM: 'xterm' });
  const child = spawn(program, args, { env, stdio: 'pipe' });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, text: () => text };
};

const create = async (name: string, mac: string): Promise<void> => {
  expect((await server.cli('device', 'create', '--name', name, '--mac', mac)).code).toBe(0);
};

describe('--watch', () => {
  it('appends lines that are new, and a line of JSON each time, where there is no terminal', async () => {
    await create('sign-1', '52:54:00:12:34:01');
    const plain = start(process.execPath, drover, 'device', 'list', '--watch');
    const json = start(process.execPath, drover, 'device', 'list', '--watch', '--json');
    const single = start(process.execPath, drover, 'device', 'show', 'sign-1', '--watch');
    await until('the first picture is there', () =>
      [plain, json, single].every(({ text }) => text().includes('sign-1')),
    );
    await create('sign-2', '52:54:00:12:34:02');
    await server.cli('device', 'label', 'sign-1', 'rack=a');
    await until('the news are there', () => plain.text().includes('sign-2') && plain.text().includes('rack=a'));
    await until('and on the single one', () => single.text().includes('rack=a'));
    await until('and as JSON', () => json.text().includes('"rack":"a"'));
    for (const { child } of [plain, json, single]) {
      child.kill('SIGINT');
      expect(await exitOf(child)).toBe(130);
    }
    expect(plain.text().match(/sign-2/g)).toHaveLength(1);
    const pictures = json
      .text()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string }[]);
    expect(pictures.length).toBeGreaterThan(1);
    expect(
      pictures
        .at(-1)
        ?.map(({ name }) => name)
        .sort(),
    ).toEqual(['sign-1', 'sign-2']);
  });

  it('draws the picture anew on a terminal, and leaves it behind', async () => {
    const { child, text } = start(
      'script',
      '-qec',
      [process.execPath, drover, 'device', 'list', '--watch'].join(' '),
      '/dev/null',
    );
    await until('it is drawn', () => text().includes('Ctrl-C ends'));
    await create('sign-3', '52:54:00:12:34:03');
    await until('it is drawn anew', () => text().includes('sign-3'));
    child.stdin.write('\u0003');
    expect(await exitOf(child)).toBe(130);
    expect(text().slice(text().lastIndexOf('[?1049l'))).toContain('sign-3');
  });

  it('says what is refused at once', async () => {
    const { code, stderr } = await server.cli('device', 'show', 'nobody', '--watch');
    expect(code).toBe(3);
    expect(stderr).toContain('drover device list');
  });
});

describe('an error', () => {
  it('has a remedy, also of the system and as JSON', async () => {
    const missing = await server.cli('device', 'put-file', 'sign-1', '/nowhere/token', '/etc/token', '--json');
    expect(missing.code).not.toBe(0);
    expect((JSON.parse(missing.stdout) as { remedy: string }).remedy).not.toBe('');
    const usage = await server.cli('device', 'lst', '--json');
    expect([usage.code, JSON.parse(usage.stdout)]).toMatchObject([2, { code: 'request.invalid' }]);
  });

  it('is not coloured, and names complete', async () => {
    const names = await server.cli('complete', 'device');
    expect(names.stdout.split('\n')).toContain('sign-1');
  });
});
