import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, startServer, type TestServer } from './server.js';

/** Where CattlePi's own server listens. */
const originalPort = 4567;
const keys = { one: 'an-old-key-0001', two: 'an-old-key-0002', cards: 'an-old-key-0003', again: 'an-old-key-0004' };
const id = 'b8:27:eb:12:34:56';

describe("CattlePi's HTTP API", () => {
  let server: TestServer;
  let base = '';
  beforeAll(async () => {
    const listen = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${originalPort}`];
    server = await startServer({ settings: { http: { listen }, log: { level: 'debug' } } });
    base = `http://127.0.0.1:${originalPort}`;
    for (const [name, key] of Object.entries(keys)) {
      const file = join(server.folder, `${name}.key`);
      await writeFile(file, `${key}\n`);
      const role = name === 'cards' ? 'device' : 'operator';
      const made = await server.cli('key', 'import', name, '--role', role, '--from-file', file, '--json');
      expect(made.code, made.stderr).toBe(0);
      expect(made.stdout).not.toContain(key);
    }
  });
  afterAll(() => server.stop());

  /** curl, as cards and scripts call it. */
  const curl = (...args: string[]): Promise<{ status: number; body: string; head: string }> =>
    new Promise((resolve, reject) => {
      execFile('curl', ['-sS', '-i', ...args], (error, stdout) => {
        if (error) {
          reject(new Error(error.message));
          return;
        }
        const end = stdout.indexOf('\r\n\r\n');
        const head = stdout.slice(0, end);
        resolve({ status: Number(head.split(' ')[1]), head, body: stdout.slice(end + 4) });
      });
    });
  const as = (key: string, ...args: string[]) => curl('-H', `X-Api-Key: ${key}`, ...args);
  const at = (path: string): string => `${base}${path}`;
  const post = (key: string, path: string, body: unknown) =>
    as(key, '-H', 'Content-Type: application/json', '-d', JSON.stringify(body), at(path));

  it('answers a card that asks again the same, whichever way it goes', async () => {
    expect((await post(keys.again, '/boot/again/config', { config: { words: 'naïve ☃' } })).status).toBe(200);
    const asked = (...args: string[]) => as(keys.again, ...args, at('/boot/again/config'));
    const long = await asked('-H', 'X-Odd: 1');
    const fieldsOf = ({ head }: { head: string }): string[] =>
      ['content-type', 'content-length', 'cache-control', 'etag'].map(
        (name) => new RegExp(`^${name}: .*$`, 'im').exec(head)?.[0].toLowerCase() ?? name,
      );
    for (const args of [[], ['-H', 'Accept: text/plain'], ['-H', 'Connection: close'], ['-0'], ['-H', 'User-Agent:']]) {
      const short = await asked(...args);
      expect([short.status, short.body, fieldsOf(short)], args.join(' ')).toEqual([200, long.body, fieldsOf(long)]);
      expect(Date.parse(/^date: (.*)$/im.exec(short.head)?.[1] ?? '')).toBeGreaterThan(Date.now() - 10_000);
    }
    expect((await curl(at(`/boot/again/config?apiKey=${keys.again}`))).body).toBe(long.body);
    const etag = /^etag: (.*)$/im.exec(long.head)?.[1] ?? '';
    expect((await asked('-H', `If-None-Match: ${etag}`)).status).toBe(304);
    const lines = JSON.parse((await as(keys.again, at('/track/again'))).body) as string[];
    expect(lines).toHaveLength(8);
  });

  it('answers what cards and scripts call, in their order', async () => {
    const ping = await curl('-k', '-I', at('/ping'));
    expect(ping.status).toBe(200);
    expect(Date.parse(/^date: (.*)$/im.exec(ping.head)?.[1] ?? '')).toBeGreaterThan(Date.now() - 60_000);

    for (const path of ['/boot/default/config', '/track', `/track/${id}`, '/images/global/a/b/rootfs.sqsh'])
      expect((await curl(at(path))).status, path).toBe(400);
    expect((await as('a-key-nobody-knows', at('/track'))).status).toBe(401);
    expect((await as(keys.one, at(`/boot/${id}/config`))).status).toBe(404);

    const document = {
      initfs: { url: 'http://images/initfs.tgz', md5sum: 'd41d8cd98f00b204e9800998ecf8427e', extra: 1 },
      config: { ssh: { pi: { authorized_keys: ['ssh-rsa AAAA me'] } }, autoupdate: true },
      unknown: 'ignored',
    };
    const posted = await post(keys.one, '/boot/default/config', document);
    expect([posted.status, posted.body]).toEqual([200, '{"status":"ok"}']);
    const whole =
      '{"initfs":{"url":"http://images/initfs.tgz","md5sum":"d41d8cd98f00b204e9800998ecf8427e"},' +
      '"rootfs":{"url":"","md5sum":""},"bootcode":"","usercode":"",' +
      '"config":{"autoupdate":true,"ssh":{"pi":{"authorized_keys":["ssh-rsa AAAA me"]}}}}';
    for (let time = 0; time < 3; time += 1) expect((await as(keys.one, at(`/boot/${id}/config`))).body).toBe(whole);
    expect((await curl(at(`/boot/${id}/config?apiKey=${keys.one}`))).body).toBe(whole);

    await as(keys.one, '-d', '{"usercode":"ZWNobwo="}', at(`/boot/${id}/config`));
    expect(JSON.parse((await as(keys.one, at(`/boot/${id}/config`))).body)).toMatchObject({
      ...{ usercode: 'ZWNobwo=', config: {}, initfs: { url: '' } },
    });
    expect((await as(keys.two, at(`/boot/${id}/config`))).status).toBe(404);

    expect((await post(keys.one, `/track/${id}`, { info: 'up' })).body).toBe('{"status":"ok"}');
    const lines = JSON.parse((await as(keys.one, at(`/track/${id}`))).body) as string[];
    const moment = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} /;
    expect(lines.every((line) => moment.test(line))).toBe(true);
    expect(lines.map((line) => line.replace(moment, ''))).toEqual([...Array<string>(6).fill('BOOT GET'), 'up']);
    expect(lines).toEqual([...lines].sort());
    expect(JSON.parse((await as(keys.one, at('/track'))).body)).toEqual([id, 'default']);
    expect(JSON.parse((await as(keys.two, at('/track'))).body)).toEqual([id]);

    expect((await as(keys.one, '-X', 'DELETE', at(`/boot/${id}/config`))).body).toBe('{"status":"ok"}');
    expect((await as(keys.one, at(`/boot/${id}/config`))).body).toBe(whole);
  });

  it('lets cards read and report, and not change', async () => {
    expect((await post(keys.cards, `/track/${id}`, { info: 'hello' })).status).toBe(200);
    expect((await post(keys.cards, `/boot/${id}/config`, {})).status).toBe(403);
    expect((await as(keys.cards, '-X', 'DELETE', at(`/boot/${id}/config`))).status).toBe(403);
    expect((await as(keys.cards, at(`/images/${keys.one}/sign/1/rootfs.sqsh`))).status).toBe(403);
    expect((await as(keys.one, at(`/images/${keys.one}/sign/1/rootfs.sqsh`))).status).toBe(404);
  });

  it('refuses what is no config, and says what is wrong with it', async () => {
    const refused = async (body: string): Promise<unknown> => {
      const answer = await as(keys.one, '-d', body, at('/boot/x/config'));
      expect(answer.status, body).toBe(400);
      return (JSON.parse(answer.body) as { errors?: { field: string }[] }).errors?.map(({ field }) => field);
    };
    expect(await refused('{"bootcode":"%%%"}')).toEqual(['bootcode']);
    expect(await refused('{"rootfs":{"url":"ftp:x"}}')).toEqual(['rootfs.url']);
    for (const body of ['', '[]', '7', '"x"', '{"a":', `${'['.repeat(100_000)}`]) await refused(body);
    expect((await as(keys.one, at('/boot/x%2F..%2Fy/config'))).status).toBe(400);
    expect((await as(keys.one, '--path-as-is', at('/boot/../boot/x/config'))).status).toBe(404);
  });

  it('keeps keys out of the log', () => {
    const said = server.output();
    expect(said).toContain('/images/[redacted]/');
    for (const key of Object.values(keys)) expect(said).not.toContain(key);
  });

  it('takes a key in once, and none that is too short or everybody’s', async () => {
    const refusal = async (key: string) => {
      const file = join(server.folder, 'again.key');
      await writeFile(file, key);
      const tried = await server.cli('key', 'import', 'again', '--from-file', file, '--json');
      return [tried.code, (JSON.parse(tried.stdout) as { code: string }).code];
    };
    expect(await refusal(keys.one)).toEqual([4, 'key.exists']);
    for (const odd of ['short', 'with white space', 'deadbeef'])
      expect(await refusal(odd)).toEqual([2, 'request.invalid']);
  });
});
