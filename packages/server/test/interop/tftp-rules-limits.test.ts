import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './eventually.js';
import { rawClient, sleep } from './tftp-lab.js';
import { isRunning, script, startRules, webServer, type RulesLab } from './tftp-rules-lab.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-rule-limits-'));
  await writeFile(join(folder, 'five'), '12345');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const closing: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.stop();
});
const start = async (...args: Parameters<typeof startRules>): Promise<RulesLab> => {
  const lab = await startRules(...args);
  closing.push(lab);
  return lab;
};

/** Processes that a script wrote down. */
const pidsIn = async (file: string): Promise<number[]> =>
  (await readFile(file, 'utf8').catch(() => '')).trim().split('\n').filter(Boolean).map(Number);
/** A script that hangs with a child of its own, and writes both down. */
const hanging = (name: string, before = ''): Promise<string> =>
  script(
    folder,
    name,
    `${before}\necho $$ >> ${folder}/${name}.pids; sleep 1000 & echo $! >> ${folder}/${name}.pids; wait`,
  );

const ended = (name: string): Promise<void> =>
  eventually(async () => {
    const pids = await pidsIn(join(folder, `${name}.pids`));
    expect(pids.length).toBeGreaterThan(1);
    expect(pids.filter(isRunning)).toEqual([]);
  });

describe('time', () => {
  it('is over for a program that hangs, with all that it started', async () => {
    const lab = await start([{ match: '^p$', program: await hanging('hangs', 'printf half'), timeoutSeconds: 1 }]);
    expect(await lab.get('p')).toBe('0: rule 1: it was not there within 1 s');
    await ended('hangs');
    expect(lab.notes).toMatchObject([{ path: 'p', end: { outcome: 'failed' } }]);
  });

  it('is over for one that closes its output, and one that ignores signals', async () => {
    const lab = await start([
      { match: '^closes$', program: await hanging('closes', 'exec >&- 2>&-'), timeoutSeconds: 1 },
      { match: '^ignores$', program: await hanging('ignores', 'trap "" TERM INT HUP'), timeoutSeconds: 1 },
    ]);
    expect(await lab.get('closes')).toMatch('within 1 s');
    expect(await lab.get('ignores')).toMatch('within 1 s');
    await ended('closes');
    await ended('ignores');
  });

  it('is over where somebody left the group and holds the output', async () => {
    const pids = join(folder, 'escapes.pids');
    const path = await script(folder, 'escapes', `setsid sh -c 'echo $$ > ${pids}; exec sleep 1000' & sleep 0.3`);
    const lab = await start([{ match: '^p$', program: path, timeoutSeconds: 2 }]);
    expect(await lab.get('p')).toMatch('within 2 s');
    for (const pid of await pidsIn(pids)) process.kill(pid, 'SIGKILL');
  });

  it('is over for a server that does not answer, or stops in the middle', async () => {
    const server = await webServer(({ url }, response) => {
      if (url === '/middle') response.writeHead(200, { 'content-length': 100 }).write('half');
    });
    closing.push(server);
    const lab = await start([{ match: '^(.*)$', url: `${server.url}/$1`, timeoutSeconds: 1 }]);
    expect(await lab.get('silent')).toBe('0: rule 1: it was not there within 1 s');
    expect(await lab.get('middle')).toBe('0: rule 1: it was not there within 1 s');
  });

  it('that a program hangs is not held against others', async () => {
    const lab = await start([
      { match: '^p$', program: await hanging('holds'), timeoutSeconds: 4, concurrency: 2 },
      { match: '^five$', file: join(folder, 'five') },
    ]);
    const waiting = Array.from({ length: 6 }, () => lab.get('p'));
    await eventually(async () => expect(await pidsIn(join(folder, 'holds.pids'))).toHaveLength(4));
    const began = Date.now();
    expect(await lab.get('five')).toBe('12345');
    expect(await lab.get('91cdf03d/config.txt')).toBe('1: file not found');
    expect(Date.now() - began).toBeLessThan(3000);
    // Two run, four wait for a turn, and no longer than for the answer.
    expect(await pidsIn(join(folder, 'holds.pids'))).toHaveLength(4);
    const answers = await Promise.all(waiting);
    for (const answer of answers) expect(answer).toMatch(/within 4 s$/);
    await ended('holds');
  });
});

describe('size', () => {
  it('is bounded for files, addresses and programs, to the byte', async () => {
    const server = await webServer((_request, response) => void response.end('12345'));
    closing.push(server);
    const echo = await script(folder, 'echo', 'printf 12345');
    const rules = (maxSize: number) => [
      { match: '^file$', file: join(folder, 'five'), maxSize },
      { match: '^url$', url: `${server.url}/`, maxSize },
      { match: '^program$', program: echo, maxSize },
    ];
    const [enough, less] = [await start(rules(5)), await start(rules(4))];
    for (const [i, path] of ['file', 'url', 'program'].entries()) {
      expect(await enough.get(path)).toBe('12345');
      expect(await less.get(path)).toBe(`0: rule ${i + 1}: it is larger than 4 bytes (maxSize of the rule)`);
    }
  });

  it('ends what goes on for ever', async () => {
    const server = await webServer((_request, response) => {
      const more = (): void =>
        void (response.destroyed || response.write(Buffer.alloc(65_536), () => setImmediate(more)));
      more();
    });
    closing.push(server);
    const lab = await start([
      { match: '^url$', url: `${server.url}/`, maxSize: '1MiB' },
      {
        match: '^program$',
        program: await script(folder, 'endless', `echo $$ > ${folder}/endless.pids; cat /dev/zero`),
        maxSize: '1MiB',
      },
    ]);
    expect(await lab.get('url')).toMatch('larger than 1048576 bytes');
    expect(await lab.get('program')).toMatch('larger than 1048576 bytes');
    const [pid = 0] = await pidsIn(join(folder, 'endless.pids'));
    await eventually(() => expect(isRunning(pid)).toBe(false));
  });

  it('of all answers together is bounded, and is free again when they were sent', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'drover-rule-held-'));
    closing.push({ stop: () => rm(dataDir, { recursive: true, force: true }) });
    const path = await script(folder, 'some', 'head -c 60000 /dev/zero');
    const lab = await start([{ match: '^p$', program: path }], { dataDir, mostHeld: 100_000 });
    const slow = await rawClient();
    closing.push({ stop: () => slow.close() });
    slow.send('\0\x01p\0octet\0tsize\x000\0', lab.port);
    const { bytes, port } = await slow.next();
    expect(bytes.toString('latin1')).toBe('\0\x06tsize\x0060000\0');
    expect(await lab.get('p')).toBe('0: rule 1: the server holds too many answers at once; try again');
    slow.send('\0\x05\0\0enough\0', port);
    await eventually(async () => expect((await lab.get('p')).length).toBe(60_000));
    // They have no names, so that nothing is left of them whatever happens.
    expect(await readdir(join(dataDir, 'run/tftp-answers'))).toEqual([]);
  });
});

describe('a client that is gone', () => {
  it('leaves no program, and no file open', async () => {
    const lab = await start([
      { match: '^p$', program: await hanging('forsaken'), timeoutSeconds: 60 },
      { match: '^five$', file: join(folder, 'five') },
    ]);
    const board = await rawClient();
    closing.push({ stop: () => board.close() });
    board.send('\0\x01p\0octet\0', lab.port);
    await eventually(async () => expect(await pidsIn(join(folder, 'forsaken.pids'))).toHaveLength(2));
    // Another request on the same port: it has given up the first.
    board.send('\0\x01five\0octet\0', lab.port);
    const { bytes, port } = await board.next();
    expect(bytes.toString('latin1')).toBe('\0\x03\0\x0112345');
    await ended('forsaken');
    board.send('\0\x04\0\x01', port);
    await eventually(() => expect(openFiles().filter((path) => path.startsWith(folder))).toEqual([]));
  });

  it('who asks again while a program runs starts no second one', async () => {
    const path = await script(folder, 'once', `echo $$ >> ${folder}/once.pids; sleep 0.7; printf done`);
    const lab = await start([{ match: '^p$', program: path }]);
    const board = await rawClient();
    closing.push({ stop: () => board.close() });
    for (let i = 0; i < 3; i += 1) {
      board.send('\0\x01p\0octet\0', lab.port);
      await sleep(100);
    }
    expect((await board.next()).bytes.toString('latin1')).toBe('\0\x03\0\x01done');
    expect(await pidsIn(join(folder, 'once.pids'))).toHaveLength(1);
  });

  it('because the server ends takes its program along', async () => {
    const lab = await startRules([{ match: '^p$', program: await hanging('stopped'), timeoutSeconds: 60 }]);
    const waiting = lab.get('p');
    await eventually(async () => expect(await pidsIn(join(folder, 'stopped.pids'))).toHaveLength(2));
    await lab.stop();
    await ended('stopped');
    await waiting;
  });
});

/** What this process has open. */
const openFiles = (): string[] =>
  execFileSync('sh', ['-c', `readlink /proc/${process.pid}/fd/* || true`], { encoding: 'utf8' }).split('\n');
