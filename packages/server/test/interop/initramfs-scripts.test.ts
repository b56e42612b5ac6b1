import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBoardShell, deviceFolder, type BoardShell } from './initramfs-shell.js';

const execute = promisify(execFile);
const perlScripts = ['nbd-attach', 'grow-root', 'restart-with'];
const factor = Number(process.env['DROVER_TEST_RUNS_FACTOR'] ?? 1);

let board: BoardShell;
beforeEach(async () => {
  board = await createBoardShell();
});
afterEach(() => board.dispose());

const shellFiles = async (): Promise<string[]> => {
  const others = ['fstab.awk', ...perlScripts];
  const parts = (await readdir(join(deviceFolder, 'lib'))).filter((name) => !others.includes(name));
  return [join(deviceFolder, 'initramfs/init'), ...parts.map((name) => join(deviceFolder, 'lib', name))];
};

describe('shellcheck', () => {
  test('finds nothing in any script', async () => {
    await execute('shellcheck', ['-s', 'sh', ...(await shellFiles())]);
  });

  test('finds no variable that is never set or never used in the initramfs as a whole', async () => {
    const init = await readFile(join(deviceFolder, 'initramfs/init'), 'utf8');
    const names = /^for part in ([^;]+);/m.exec(init)?.[1]?.split(/[\s\\]+/) ?? [];
    const part = (name: string): Promise<string> => readFile(join(deviceFolder, 'lib', `${name}.sh`), 'utf8');
    // Root modes define the same functions: each is a name of its own here.
    const mode = async (name: string): Promise<string> =>
      (await part(name)).replaceAll(/^root_(fetch|mount)\(\)/gm, `${name.replace('-', '_')}_$1()`);
    const texts = await Promise.all([...names.map(part), ...['root-ram', 'root-sd'].map(mode)]);
    const whole = join(board.dir, 'whole.sh');
    await writeFile(whole, [...texts, init].join('\n'));
    await execute('shellcheck', ['-s', 'sh', '-e', 'SC1090', whole]);
  });

  test('busybox reads every script', async () => {
    for (const file of await shellFiles())
      expect(await board.exec('-n', [file])).toMatchObject({ code: 0, stderr: '' });
  });
});

test.each(perlScripts)('perl reads %s, without a word', async (name) => {
  const { stderr } = await execute('perl', ['-Wc', join(deviceFolder, 'lib', name)]);
  expect(stderr).toBe(`${join(deviceFolder, 'lib', name)} syntax OK\n`);
});

describe('growing the root', () => {
  const device = (): string => join(board.dir, 'root.ext4');
  /** A folder that no file system of this machine is asked to grow at: the kernel's own. */
  const grow = (on = device()) =>
    execute('perl', [join(deviceFolder, 'lib/grow-root'), on, '/proc']).then(
      ({ stdout }) => ({ stdout, stderr: '' }),
      ({ stdout, stderr }: { stdout: string; stderr: string }) => ({ stdout, stderr }),
    );

  test.each(['ext2', 'ext4'])(
    'asks nothing of a kernel when %s fills its device, but for less than 1 MiB',
    async (kind) => {
      await execute('mke2fs', ['-q', '-t', kind, device(), '20M']);
      expect(await grow()).toEqual({ stdout: '', stderr: '' });
      await truncate(device(), (20 << 20) + (1 << 20) - 1024);
      expect(await grow()).toEqual({ stdout: '', stderr: '' });
    },
  );

  test('tells why it cannot', async () => {
    await execute('mke2fs', ['-q', '-t', 'ext4', device(), '20M']);
    await truncate(device(), 64 << 20);
    expect(await grow()).toEqual({ stdout: '', stderr: 'the kernel refuses: Inappropriate ioctl for device\n' });
    await writeFile(device(), Buffer.alloc(8192));
    expect(await grow()).toEqual({ stdout: '', stderr: `${device()}: no ext file system\n` });
    expect((await grow('/nowhere')).stderr).toMatch(/^\/nowhere: No such file/);
  });
});

describe('values from elsewhere', () => {
  const valueOf = async (text: string, key = 'key') => {
    await writeFile(join(board.run, 'answer'), text);
    return board.sh(`value_of ${key} "$run/answer"`);
  };

  test('are read when they are plain', async () => {
    expect(await valueOf('other=1\nkey=a.B-9_/:@%+,=x\nkey=second\n')).toMatchObject({
      code: 0,
      stdout: 'a.B-9_/:@%+,=x\n',
    });
    expect((await valueOf('key=no newline at the end')).code).toBe(1);
    expect((await valueOf('key=at-the-end')).stdout).toBe('at-the-end\n');
    expect((await valueOf('key=')).stdout).toBe('\n');
  });

  test.each([
    'key=$(touch pwned)',
    'key=`touch pwned`',
    'key=a;touch pwned',
    "key='",
    'key="',
    'key=a b',
    'key=a\tb',
    'key=a\r',
    'key=a\\b',
    'key=*',
    'key=a\u0000;b',
    'key=ü',
    'keyed=1',
    ' key=1',
    '',
  ])('are refused when a shell could see more in them: %j', async (line) => {
    expect(await valueOf(`${line}\n`)).toMatchObject({ code: 1, stdout: '' });
  });

  test('never run anything, whatever comes', async () => {
    const answers = fc.array(fc.string({ unit: 'binary', maxLength: 40 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(answers, async (texts) => {
        const { stdout, code } = await valueOf(texts.map((text) => `key=${text}`).join('\n'));
        if (code === 0) expect(stdout).toMatch(/^[A-Za-z0-9._:/@%+,=-]*\n$/);
        expect((await readdir(board.run)).sort()).toEqual(['answer', 'log', 'queue']);
      }),
      { numRuns: 60 * factor },
    );
  });

  const good = {
    credential: `${'a'.repeat(32)}.${'b'.repeat(64)}`,
    mode: 'ram',
    hostname: 'herd-7',
    time: '1763800000',
    rootSha256: 'c'.repeat(64),
    rootSize: '57000000',
    overlaySize: '50%',
  };
  const parse = async (values: Record<string, string>) => {
    const text = Object.entries(values)
      .map(([key, value]) => `${key}=${value}\n`)
      .join('');
    await writeFile(join(board.run, 'answer'), text);
    return board.sh(
      'if parse_exchange "$run/answer"; then echo "$credential $mode $hostname $root_sha256 $root_size $overlay_size"; else echo "wrong: $exchange_wrong"; fi',
      ['base', 'exchange'],
    );
  };

  test('make an exchange answer', async () => {
    expect((await parse(good)).stdout).toBe(`${good.credential} ram herd-7 ${good.rootSha256} 57000000 50%\n`);
    expect((await parse({ ...good, overlaySize: '512m' })).stdout).toContain(' 512m');
  });

  test.each([
    ['credential', 'a'.repeat(97)],
    ['mode', 'usb'],
    ['mode', '../ram'],
    ['hostname', ''],
    ['hostname', '-rf'],
    ['hostname', 'a/b'],
    ['rootSha256', 'c'.repeat(63)],
    ['rootSize', '-1'],
    ['rootSize', '08'],
    ['rootSize', '1'.repeat(17)],
    ['overlaySize', '50%,exec'],
    ['overlaySize', ''],
  ])('make none with %s=%s', async (key, value) => {
    expect((await parse({ ...good, [key]: value })).stdout).toBe(`wrong: ${key}\n`);
  });
});

describe('the kernel command line', () => {
  test('gives the last value of a name, and only plain ones', async () => {
    const file = join(board.dir, 'cmdline');
    await writeFile(
      file,
      'console=tty1 drover.url=http://a:1 x.drover.url=no drover.url=http://10.0.0.1:80 odd=$(id) drover.debug *\n',
    );
    const ask = (script: string) => board.sh(`cmdline_file=${file}\n${script}`);
    expect((await ask('kernel_parameter drover.url')).stdout).toBe('http://10.0.0.1:80\n');
    expect((await ask('kernel_parameter odd')).code).toBe(1);
    expect((await ask('kernel_parameter drover.none')).code).toBe(1);
    expect((await ask('has_parameter drover.debug')).code).toBe(0);
    expect((await ask('has_parameter drover.deb')).code).toBe(1);
  });
});

describe('numbers by chance', () => {
  test('back off longer and longer, up to a limit and half of it', async () => {
    const script = 'for n in 0 1 2 3 4 5 20; do back_off $n 16; done';
    const waits = (await board.sh(script)).stdout.trim().split('\n').map(Number);
    const least = [1, 2, 4, 8, 16, 16, 16];
    waits.forEach((wait, index) => {
      expect(wait).toBeGreaterThanOrEqual(least[index] ?? 0);
      expect(wait).toBeLessThanOrEqual((least[index] ?? 0) * 1.5);
    });
  });

  test('differ from call to call', async () => {
    const { stdout } = await board.sh('for n in 1 2 3 4 5 6 7 8; do random_hex 32; done');
    const lines = stdout.trim().split('\n');
    expect(new Set(lines).size).toBe(8);
    for (const line of lines) expect(line).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('text in a query', () => {
  test('comes out as it went in, for printable ASCII', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme-ascii', maxLength: 60 }), async (text) => {
        const { stdout } = await board.sh('query_text "$TEXT"', ['base'], { TEXT: text });
        expect(stdout).toMatch(/^[A-Za-z0-9%!$'()*,./:@_~-]*$/);
        expect(decodeURIComponent(stdout)).toBe(text);
      }),
      { numRuns: 60 * factor },
    );
  });

  test('has no more than 1000 characters, and no others', async () => {
    const { stdout } = await board.sh('query_text "$TEXT"', ['base'], { TEXT: `a\nü${'x'.repeat(2000)}` });
    expect(decodeURIComponent(stdout)).toMatch(/^a {3}x+$/);
    expect(decodeURIComponent(stdout).length).toBeLessThanOrEqual(1000);
  });

  test('of a form is encoded byte by byte', async () => {
    expect((await board.sh("url_encode 'dc:a6 +ü'")).stdout).toBe('%64%63%3a%61%36%20%2b%c3%bc');
  });
});

describe('the settings of a card', () => {
  const settingsOf = async (text: string | Buffer, script: string) => {
    await mkdir(join(board.root, 'drover'));
    await writeFile(join(board.root, 'drover/card.conf'), text);
    return board.sh(`copy_settings "$root"; ${script}`, ['base', 'http', 'cattlepi', 'card']);
  };
  const show = 'for name in server key device; do card_setting $name; echo "$name: $card_value"; done';

  test('are read whatever system they were written on', async () => {
    const text = '\ufeff# a comment\r\nserver=http://10.0.0.1:8081\r\nodd name=$(id)\r\nkey=drv_a-b';
    const { stdout } = await settingsOf(text, show);
    expect(stdout).toBe('server: http://10.0.0.1:8081\nkey: drv_a-b\ndevice: \n');
  });

  test('never run, and one with odd characters ends the boot with its name', async () => {
    const script = 'fail() { echo "failed: $1"; exit; }; card_setting device; echo "got $card_value"';
    const { stdout } = await settingsOf('device=$(id)\n', script);
    expect(stdout).toMatch(/^failed: device in drover\/card.conf/);
  });

  test.each([
    [
      'name no server, and the system is on the card: that starts',
      'hostname=sign-1\n',
      'root=PARTUUID=1-02',
      /^own system$/m,
    ],
    ['name no server, and nothing else does', 'hostname=sign-1\n', 'quiet', /^failed: server .* it is missing$/m],
    ['name a server that is none', 'server=drover.lan\n', 'root=PARTUUID=1-02', /^failed: server .* drover\.lan$/m],
    ['name a server', 'server=http://10.0.0.1:8081\n', 'root=PARTUUID=1-02', /^server http:\/\/10\.0\.0\.1:8081$/m],
  ])('%s', async (_what, text, parameters, said) => {
    const script = `echo "${parameters}" >"$run/cmdline"; cmdline_file=$run/cmdline
      wait_for_card() { :; }; report() { :; }; fail() { echo "failed: $1"; exit; }
      if step_card; then echo "server $url"; else echo 'own system'; fi`;
    expect((await settingsOf(text, script)).stdout).toMatch(said);
  });

  test('are readable to nobody else, and no longer than they need be', async () => {
    const { stdout } = await settingsOf('x'.repeat(10_000), 'stat -c "%a %s" "$run/card.conf"');
    expect(stdout).toBe('600 4096\n');
  });

  test('are no settings when there is no file', async () => {
    expect((await board.sh('copy_settings "$root"', ['base', 'cattlepi', 'card'])).code).toBe(1);
  });

  test.each([
    ['FAT32', ['-F']],
    ['FAT16', []],
  ])('lie on %s, and are not looked for elsewhere', async (_name, options) => {
    const file = join(board.dir, 'fat.img');
    await writeFile(file, '');
    await truncate(file, 64 << 20);
    await execute('mformat', ['-i', file, ...options, '::']);
    expect((await board.sh(`is_fat ${file}`, ['base', 'cattlepi', 'card'])).code).toBe(0);
    await execute('mke2fs', ['-q', '-t', 'ext4', '-F', file]);
    expect((await board.sh(`is_fat ${file}`, ['base', 'cattlepi', 'card'])).code).toBe(1);
  });
});
