import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './eventually.js';
import { clients, content, fetchWith, sha256 } from './tftp-lab.js';
import { isRunning, script, startRules, webServer, type RulesLab, type WebServer } from './tftp-rules-lab.js';

let folder: string;
let outside: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-rule-files-'));
  outside = await mkdtemp(join(tmpdir(), 'drover-rule-outside-'));
  await writeFile(join(folder, 'hello.txt'), 'hello');
  await mkdir(join(folder, 'phones'));
  await writeFile(join(folder, 'phones/7.xml'), 'phone 7');
  await writeFile(join(folder, 'large'), content(3_000_000));
  await writeFile(join(outside, 'secret'), 'secret');
  await symlink('7.xml', join(folder, 'phones/seven.xml'));
  await symlink(join(outside, 'secret'), join(folder, 'phones/out.xml'));
  await symlink(outside, join(folder, 'away'));
  await symlink('circle', join(folder, 'circle'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await rm(outside, { recursive: true, force: true });
});

const closing: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.stop();
});
const start = async (...args: Parameters<typeof startRules>): Promise<RulesLab> => {
  const lab = await startRules(...args);
  closing.push(lab);
  return lab;
};
const web = async (...args: Parameters<typeof webServer>): Promise<WebServer> => {
  const server = await webServer(...args);
  closing.push(server);
  return server;
};

describe('which rule', () => {
  it('answers is the first that matches, and boards are looked up behind all of them', async () => {
    await writeFile(join(folder, 'other.txt'), 'other');
    const lab = await start([
      { match: '^narrow/hello$', file: join(folder, 'hello.txt') },
      { match: '^narrow/(gone)$', file: join(folder, 'absent') },
      { match: '^narrow/', file: join(folder, 'other.txt') },
    ]);
    expect(await lab.get('narrow/hello')).toBe('hello');
    expect(await lab.get('narrow/x')).toBe('other');
    // It does not go on to the next.
    expect(await lab.get('narrow/gone')).toBe('1: rule 2: it is not there');
    expect(lab.lookedUp).toEqual([]);
    expect(await lab.get('91cdf03d/config.txt')).toBe('1: file not found');
    expect(lab.lookedUp).toEqual(['91cdf03d/config.txt']);
  });

  it('answered is on the timeline', async () => {
    const lab = await start([{ match: '^(.+)$', root: folder, file: '$1' }]);
    await lab.get('hello.txt');
    await lab.get('none.txt');
    await eventually(() =>
      expect(lab.notes).toMatchObject([
        { path: 'hello.txt', end: { outcome: 'complete', bytes: 5, detail: 'by rule 1' } },
        { path: 'none.txt', end: { outcome: 'absent', detail: 'rule 1: it is not there' } },
      ]),
    );
  });

  it('matches in no time whatever is asked', async () => {
    const lab = await start([
      { match: '^(a+)+$', file: join(folder, 'hello.txt') },
      { match: '^(a|aa)+!$', file: join(folder, 'hello.txt') },
    ]);
    const began = Date.now();
    expect(await lab.get(`${'a'.repeat(250)}b`)).toBe('1: file not found');
    expect(Date.now() - began).toBeLessThan(5000);
  });
});

describe('files', () => {
  it.each(Object.entries(clients))('come to %s, of any size', async (_name, client) => {
    const lab = await start([{ match: '^f/(.+)$', root: folder, file: '$1' }]);
    const small = await fetchWith(client, lab.port, 'f/hello.txt');
    expect(small.bytes === undefined ? small.said : Buffer.from(small.bytes).toString()).toBe('hello');
    const large = await fetchWith(client, lab.port, 'f/large');
    expect(large.bytes === undefined ? large.said : sha256(large.bytes)).toBe(sha256(content(3_000_000)));
  });

  it('are read anew each time', async () => {
    const path = join(folder, 'changing');
    const lab = await start([{ match: '^changing$', file: path }]);
    for (const text of ['first', 'again']) {
      await writeFile(path, text);
      expect(await lab.get('changing')).toBe(text);
    }
  });

  it('stay in their folder', async () => {
    const lab = await start([
      { match: '^phones/(.+)$', root: join(folder, 'phones'), file: '$1.xml' },
      { match: '^up/(.)a(.)/(.+)$', root: join(folder, 'phones'), file: '$1$2/$3' },
      { match: '^(.+)$', root: folder, file: '$1' },
    ]);
    expect(await lab.get('phones/7')).toBe('phone 7');
    expect(await lab.get('phones/seven')).toBe('phone 7');
    expect(await lab.get('phones/out')).toBe('0: rule 1: a link leads out of the folder of the rule');
    expect(await lab.get('away/secret')).toBe('0: rule 3: a link leads out of the folder of the rule');
    expect(await lab.get('circle')).toBe('0: rule 3: its links lead in a circle');
    expect(await lab.get('up/.a./hello.txt')).toBe('0: rule 2: it leads out of the folder of the rule');
    expect(await lab.get('phones')).toBe('1: rule 3: it is no regular file');
  });

  it('may be named through a link by the administrator', async () => {
    const lab = await start([{ match: '^s$', file: join(folder, 'phones/out.xml') }]);
    expect(await lab.get('s')).toBe('secret');
  });

  it('are none where they are devices', async () => {
    const lab = await start([{ match: '^(zero|stdin)$', root: '/dev', file: '$1' }]);
    expect(await lab.get('zero')).toBe('1: rule 1: it is no regular file');
  });
});

describe('addresses', () => {
  it('are asked with groups in their place', async () => {
    const asked: string[] = [];
    const server = await web(({ url = '' }, response) => {
      asked.push(url);
      response.end('from the web');
    });
    const lab = await start([{ match: '^w/(.*)$', url: `${server.url}/x/$1?p=$1` }]);
    expect(await lab.get('w/a/b&c=d?e')).toBe('from the web');
    expect(asked).toEqual(['/x/a/b%26c%3Dd%3Fe?p=a%2Fb%26c%3Dd%3Fe']);
  });

  it('bring large files, to several clients at once', async () => {
    const body = content(2_000_000);
    const server = await web((_request, response) => void response.end(body));
    const lab = await start([{ match: '^w$', url: `${server.url}/` }]);
    const all = await Promise.all(Object.values(clients).map((client) => fetchWith(client, lab.port, 'w')));
    for (const { bytes, said } of all) expect(bytes === undefined ? said : sha256(bytes)).toBe(sha256(body));
  });

  it('are followed on their server, and not to another', async () => {
    const other = await web((_request, response) => void response.end('other'));
    const server = await web(({ url = '' }, response) => {
      const to: Record<string, string> = { '/near': '/here', '/far': `${other.url}/`, '/round': '/round' };
      const location = to[url];
      if (location === undefined) response.end(url);
      else response.writeHead(302, { location }).end();
    });
    const lab = await start([{ match: '^(.*)$', url: `${server.url}/$1` }]);
    expect(await lab.get('near')).toBe('/here');
    expect(await lab.get('far')).toBe('0: rule 1: its server leads to another one, which rules do not follow');
    expect(await lab.get('round')).toBe('0: rule 1: its server leads on and on, more than 5 times');
  });

  it('that give nothing are told as they are', async () => {
    const server = await web(({ url = '' }, response) => {
      const status = Number(url.slice(1));
      if (status > 0) response.writeHead(status).end('a page about it');
      else response.writeHead(200, { 'content-length': 1000 }).write('half', () => response.destroy());
    });
    const gone = await web(() => undefined);
    gone.stop();
    const lab = await start([
      { match: '^closed$', url: `${gone.url}/` },
      { match: '^(.*)$', url: `${server.url}/$1` },
    ]);
    expect(await lab.get('404')).toBe('1: rule 2: its server answered 404');
    expect(await lab.get('500')).toBe('0: rule 2: its server answered 500');
    expect(await lab.get('206')).toBe('0: rule 2: its server answered 206');
    expect(await lab.get('broken')).toBe('0: rule 2: its server could not be asked (ECONNRESET)');
    expect(await lab.get('closed')).toBe('0: rule 1: its server could not be asked (ECONNREFUSED)');
  });
});

describe('programs', () => {
  it('get one argument for each, and know who asks', async () => {
    const path = await script(folder, 'show', 'for each; do printf "[%s]" "$each"; done; printf "%s" "$DROVER_CLIENT"');
    const lab = await start([{ match: '^p/(.*)$', program: path, args: ['--', '$1', 'x$1y', ''] }]);
    expect(await lab.get('p/a b;c$(id)"*')).toBe('[--][a b;c$(id)"*][xa b;c$(id)"*y][]127.0.0.1');
  });

  it('have an environment of their own, no input, and a process group', async () => {
    const path = await script(
      folder,
      'about',
      'env | cut -d= -f1 | sort | tr "\\n" " "; wc -c; pwd; ps -o pgid= -p $$; echo $$',
    );
    const lab = await start([{ match: '^p$', program: path }]);
    const [names, folder_, group, pid] = (await lab.get('p')).trim().split('\n');
    expect(names?.split(' ').filter((name) => !['PWD', 'SHLVL', '_', 'OLDPWD'].includes(name))).toEqual([
      'DROVER_CLIENT',
      'PATH',
      '0',
    ]);
    expect([folder_, group?.trim()]).toEqual(['/', pid]);
  });

  it('have their size told before', async () => {
    const path = await script(folder, 'slowly', 'printf a; sleep 0.2; printf b; sleep 0.2; printf c');
    const lab = await start([{ match: '^p$', program: path }]);
    expect(await lab.get('p')).toBe('abc');
    await eventually(() => expect(lab.events.at(-1)).toMatchObject({ size: 3, tsize: true }));
  });

  it('that fail give nothing, and what they say is in the log, up to a bound', async () => {
    const fails = await script(folder, 'fails', 'printf half; yes complaint | head -n 5000 >&2; exit 3');
    const lab = await start([
      { match: '^p$', program: fails },
      { match: '^none$', program: join(folder, 'no-program') },
      { match: '^text$', program: join(folder, 'hello.txt') },
      { match: '^killed$', program: await script(folder, 'killed', 'kill -TERM $$') },
    ]);
    expect(await lab.get('p')).toBe('0: rule 1: fails ended with 3');
    const said = lab.logged.find(({ message }) => message.includes('complained'))?.fields as { said: string };
    expect(said.said.startsWith('complaint\ncomplaint')).toBe(true);
    expect(said.said.length).toBeLessThanOrEqual(4096);
    const notRun = 'is no program that the user of the server may run';
    expect(await lab.get('none')).toBe(`0: rule 2: no-program ${notRun}`);
    expect(await lab.get('text')).toBe(`0: rule 3: hello.txt ${notRun}`);
    expect(await lab.get('killed')).toBe('0: rule 4: killed ended with SIGTERM');
  });

  it('leave nothing running', async () => {
    const pidFile = join(folder, 'left.pid');
    const path = await script(folder, 'leaves', `sleep 1000 & echo $! > ${pidFile}; printf done`);
    const lab = await start([{ match: '^p$', program: path }]);
    expect(await lab.get('p')).toBe('done');
    const pid = Number(await readFile(pidFile, 'utf8'));
    await eventually(() => expect(isRunning(pid)).toBe(false));
  });

  it('answer many clients at once', async () => {
    const path = await script(folder, 'number', 'sleep 0.1; printf "number %s" "$1"');
    const lab = await start([{ match: '^n/(\\d+)$', program: path, args: ['$1'], concurrency: 4, timeoutSeconds: 60 }]);
    const wanted = Array.from({ length: 24 }, (_, i) => `number ${i}`);
    expect(await Promise.all(wanted.map((_, i) => lab.get(`n/${i}`)))).toEqual(wanted);
  });
});
