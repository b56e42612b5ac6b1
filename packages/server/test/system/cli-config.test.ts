import { chmod, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BootDocument } from '@drover/contract';
import { environmentOf, runDrover, startServer, type Finished, type TestServer } from './server.js';

const sshKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJhc2U2NA== me@here';
const md5 = 'd41d8cd98f00b204e9800998ecf8427e';

describe('drover config', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
    await server.client.devices.create({ body: { name: 'sign-17', mac: 'dc:a6:32:00:00:17', labels: { rack: 'a' } } });
  });
  afterAll(() => server.stop());

  const config = (...args: string[]): Promise<Finished> => server.cli('config', ...args);
  const fine = async (...args: string[]): Promise<string> => {
    const done = await config(...args);
    expect(done.code, done.stderr).toBe(0);
    return done.stdout;
  };
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(server.folder, name);
    await writeFile(path, text);
    return path;
  };
  const document = async (...target: string[]): Promise<BootDocument> =>
    JSON.parse(await fine('get', ...target)) as BootDocument;

  it('sets everything the original script did, leaving what is not named', async () => {
    const script = await file('start.sh', 'echo hello\n');
    const base64 = Buffer.from('echo hello\n').toString('base64');
    const files = ['--bootcode', script, '--usercode', script, '--sdlayout', script, '--wpa-supplicant', script];
    await fine('set', 'sign-17', ...files, '--autoupdate', 'on', '--ssh-key', sshKey);
    await fine(
      'set',
      'sign-17',
      '--set',
      'config.screen.rotate=90',
      '--set',
      'config.name=door 1',
      '--bootcode',
      'WIPE',
    );
    await fine('set', 'sign-17', '--ssh-key', await file('id.pub', `${sshKey}\n`), '--unset', 'config.sdlayout');
    expect(await document('sign-17')).toEqual({
      usercode: base64,
      config: {
        ...{ autoupdate: true, wpa_supplicant: base64, screen: { rotate: 90 }, name: 'door 1' },
        ssh: { pi: { authorized_keys: [sshKey] } },
      },
    });
    await fine('set', 'sign-17', '--replace', '--autoupdate', 'off');
    expect(await document('sign-17')).toEqual({ config: { autoupdate: false } });
  });

  it('takes files and digests from an info.sh', async () => {
    const text = `INFO='x'\nINITFS='./initfs.tgz'\nINITFSMD5='${md5}'\nROOTFS="http://other/r"\nROOTFSMD5=${md5}\n`;
    const web = createServer((_request, response) => response.end(text)).listen(0, '127.0.0.1');
    await new Promise((resolve) => web.once('listening', resolve));
    const { port } = web.address() as { port: number };
    try {
      await fine('set', '--label', 'rack=a', '--package', `http://127.0.0.1:${port}/sign/info.sh`);
    } finally {
      web.close();
    }
    expect(await document('--label', 'rack=a')).toEqual({
      initfs: { url: `http://127.0.0.1:${port}/sign/initfs.tgz`, md5sum: md5 },
      rootfs: { url: 'http://other/r', md5sum: md5 },
    });
  });

  it('runs hooks, shows without sending, and refuses what is wrong', async () => {
    const seen = join(server.folder, 'seen');
    await fine('set', '--default', '--set', 'config.n=1', '--before', `cat >${seen}`, '--after', `cat >>${seen}`);
    expect(await readFile(seen, 'utf8')).toBe('{\n  "config": {\n    "n": 1\n  }\n}\n'.repeat(2));
    const stopped = await config('set', '--default', '--set', 'config.n=2', '--before', 'exit 3');
    expect([stopped.code, stopped.stderr]).toEqual([2, expect.stringContaining('nothing was changed')]);
    expect((await config('set', '--default', '--set', 'config.n=3', '--after', 'exit 1')).code).toBe(1);
    expect(JSON.parse(await fine('set', '--default', '--set', 'config.n=4', '--show-only'))).toEqual({
      config: { n: 4 },
    });
    expect(await document('--default')).toEqual({ config: { n: 3 } });
    const wrong = [
      ...[['get'], ['get', 'sign-17', '--default'], ['set', '--default', '--autoupdate', 'perhaps']],
      ...[
        ['set', '--default', '--usercode', '/nowhere'],
        ['set', '--default', '--set', 'a b=1'],
      ],
      ...[
        ['set', '--default', '--set', 'other=1'],
        ['set', '--default', '--ssh-key', '/nowhere'],
      ],
      ...[
        ['set', '--default', '--initfs', 'http://a/b'],
        ['revert', '--default'],
      ],
    ];
    for (const args of wrong) expect((await config(...args)).code, args.join(' ')).toBe(2);
  });

  it('tells history and differences, goes back, and explains', async () => {
    await fine('set', '--label', 'b=1', '--set', 'config.n=1', '--reason', 'begin');
    await fine('set', '--label', 'b=1', '--set', 'config.n=2', '--set', 'usercode=ZWNobwo=');
    expect(await fine('diff', '--label', 'b=1')).toBe('~ config.n: 1 -> 2\n+ usercode: "ZWNobwo="\n');
    await fine('revert', '--label', 'b=1', '--to', '1');
    const history = (await fine('history', '--label', 'b=1')).split('\n');
    expect(history.map((line) => line.split('\t')[0])).toEqual(['3', '2', '1', '']);
    expect(history[2]).toContain('begin');
    expect((await fine('explain', 'sign-17')).split('\n')).toEqual(
      expect.arrayContaining([
        'config.n\t3\tdefault',
        expect.stringMatching(/^config\.autoupdate\tfalse\tdevice:dev_/),
      ]),
    );
    await fine('delete', '--label', 'b=1');
    expect((await config('get', '--label', 'b=1')).code).toBe(3);
  });

  it('edits, and keeps what is refused', async () => {
    const editor = async (name: string, does: string): Promise<string> => {
      const path = await file(name, `#!/bin/sh\n${does}\n`);
      await chmod(path, 0o755);
      return path;
    };
    const edit = (EDITOR: string, ...args: string[]): Promise<Finished> => {
      const settings = { DROVER_SERVER: server.url, DROVER_KEY: server.key, EDITOR };
      return runDrover(['config', 'edit', 'sign-17', ...args], { env: environmentOf(server.folder, settings) });
    };
    const good = await edit(await editor('good', `printf 'config:\\n  a: 1\\n' >"$1"`));
    expect(good.code, good.stderr).toBe(0);
    expect(await document('sign-17')).toEqual({ config: { a: 1 } });
    expect((await edit('true')).stderr).toContain('Nothing was changed');
    const bad = await edit(await editor('bad', `echo '{"usercode":"%%"}' >"$1"`), '--format', 'json');
    expect(bad.code).toBe(2);
    const kept = /kept in (\S+)/.exec(bad.stderr)?.[1] ?? '';
    expect(await readFile(kept, 'utf8')).toBe('{"usercode":"%%"}\n');
    expect((await edit('false')).code).toBe(2);
    expect(await document('sign-17')).toEqual({ config: { a: 1 } });
  });
});
