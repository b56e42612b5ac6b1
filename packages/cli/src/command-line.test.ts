import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { momentOf } from './actions/access.js';
import { completionScript } from './actions/completion.js';
import { nameOf } from './actions/image-import.js';
import { labelsOf, momentOption, UsageError } from './command.js';
import { commands, groups } from './commands/index.js';
import { serverUrl, targetOf } from './connect.js';
import { putContext, readContexts } from './contexts.js';
import { readEnvironment } from './environment.js';
import { createProgram, type Invocation } from './program.js';
import { createUploadNotes, openLocalFile } from './uploads.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-cli-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const parse = (...argv: string[]): Invocation | string => {
  let asked: Invocation | undefined;
  let text = '';
  const write = (more: string): void => void (text += more);
  try {
    createProgram('1.0.0', { out: write, err: write }, (invocation) => (asked = invocation)).parse(argv, {
      from: 'user',
    });
  } catch {
    return text;
  }
  return asked ?? text;
};

describe('an option that is a moment', () => {
  it.each([
    ['2026-11-01', '2026-11-01T00:00:00.000Z'],
    ['2026-11-01T08:00:00+02:00', '2026-11-01T06:00:00.000Z'],
  ])('%s is %s', (text, moment) => {
    expect(momentOption({ since: text }, 'since')).toBe(moment);
  });
  it.each(['yesterday', '2026', '2026-13-01', '1'])('%s is none', (text) => {
    expect(() => momentOption({ since: text }, 'since')).toThrow(UsageError);
  });
});

describe('every command', () => {
  const all = [
    ...commands.map((spec) => ({ words: [], spec })),
    ...groups.flatMap((group) => group.commands.map((spec) => ({ words: [group.name], spec }))),
  ];
  it.each(all.map(({ words, spec }) => [[...words, spec.usage.split(' ')[0] ?? ''].join(' '), spec] as const))(
    '%s has help with an example that can be parsed, and --json',
    // Some load much of Drover, on a machine that may have other work.
    { timeout: 60_000 },
    async (words, spec) => {
      const help = parse(...words.split(' '), '--help');
      expect(help).toContain('Example');
      expect(help).toContain('--json');
      for (const example of spec.examples) {
        const [program, ...argv] = example.split(' > ')[0]?.split(' ') ?? [];
        expect(program).toBe('drover');
        expect(argv.slice(0, words.split(' ').length).join(' ')).toBe(words);
        expect(parse(...argv)).toMatchObject({ options: {} });
      }
      expect(await spec.load()).toBeTypeOf('function');
    },
  );

  it.each(groups.map(({ name }) => [name] as const))('%s has help with examples that can be parsed', (name) => {
    const help = parse(name, '--help');
    if (typeof help !== 'string') throw new Error('it was carried out');
    const examples = help.split(/Examples?:\n/)[1] ?? '';
    expect(examples).toContain(`drover ${name} `);
    for (const line of examples.trim().split('\n')) {
      expect(parse(...line.trim().split(' ').slice(1))).toMatchObject({ options: {} });
    }
  });

  it('takes repeated and common options', () => {
    expect(
      parse('device', 'adopt', 'x', '--label', 'a=1', '--label', 'b=2', '--json', '--server', 'http://h'),
    ).toMatchObject({
      args: ['x'],
      options: { label: ['a=1', 'b=2'], json: true, server: 'http://h' },
    });
    expect(parse('image', 'import', 'f.img', '--no-wait')).toMatchObject({ options: { wait: false } });
  });

  it('is completed in each shell', () => {
    const table = { commands, groups };
    expect(completionScript('bash', table)).toContain("'device adopt') words='--name --label --json");
    expect(completionScript('bash', table)).not.toContain("'complete'");
    expect(completionScript('zsh', table)).toContain('#compdef drover');
    expect(completionScript('fish', table)).toContain('complete -c drover -f -n __fish_use_subcommand -a provision');
    expect(() => completionScript('tcsh', table)).toThrow(UsageError);
  });
});

describe('what people write', () => {
  it.each([
    ['raspios:2026', 'x.img', { name: 'raspios', version: '2026' }],
    [undefined, '/tmp/2026-10-01-raspios-lite.img.xz', { name: 'raspios-lite', version: '2026-10-01' }],
    [undefined, 'https://example.org/os/Debian_12.img.zst?x=1', { name: 'debian-12', version: '1' }],
  ])('names an image: %s %s', (given, source, expected) => {
    expect(nameOf(given, source)).toEqual(expected);
  });
  it('is refused with a remedy where it is none', () => {
    expect(() => nameOf('raspios', 'x')).toThrow('raspios is no name of an image');
    expect(() => nameOf(undefined, '.img')).toThrow('No name can be made');
    expect(() => labelsOf(['=x'])).toThrow('=x is not a label');
    expect(() => momentOf('soon', 0)).toThrow('--expires soon is no time');
    expect(() => serverUrl('http://')).toThrow(UsageError);
  });
  it('is understood', () => {
    expect(labelsOf(['a=1,b=', 'c=x=y'])).toEqual({ a: '1', b: '', c: 'x=y' });
    expect(momentOf('2d', 0)).toBe('1970-01-03T00:00:00.000Z');
    expect(['drover.lan', 'drover.lan:81', 'https://drover.lan/', '[::1]:80'].map(serverUrl)).toEqual([
      'http://drover.lan:8080',
      'http://drover.lan:81',
      'https://drover.lan',
      'http://[::1]:80',
    ]);
  });
});

describe('which server', () => {
  const target = (options: Record<string, unknown> = {}, env: Record<string, string> = {}) =>
    targetOf({ options, environment: readEnvironment({ HOME: folder, ...env }) });
  const file = (): string => join(folder, '.config/drover/cli.yaml');

  it('is said by option, environment, context, and else this machine, in this order', () => {
    const local = { server: 'http://127.0.0.1:8080', key: undefined, context: undefined };
    expect(target()).toEqual({ ...local, isNamed: false });
    putContext(file(), 'lab', { server: 'http://lab:1', key: 'lab-key' }, true);
    putContext(file(), 'home', { server: 'http://home:1', key: 'home-key' }, false);
    expect(target()).toEqual({ server: 'http://lab:1', key: 'lab-key', context: 'lab', isNamed: true });
    expect(target({ context: 'home' })).toMatchObject({ server: 'http://home:1', key: 'home-key' });
    expect(target({}, { DROVER_CONTEXT: 'home', DROVER_KEY: 'env' })).toMatchObject({
      server: 'http://home:1',
      key: 'env',
    });
    expect(target({ server: 'http://home:1' }, { DROVER_SERVER: 'http://x:1' })).toMatchObject({ key: 'home-key' });
    expect(() => target({ context: 'none' })).toThrow('There is no context none');
  });

  it('never gets the key of another', () => {
    putContext(file(), 'lab', { server: 'http://lab:1', key: 'lab-key' }, true);
    expect(target({ server: 'http://evil:1' })).toEqual({
      server: 'http://evil:1',
      key: undefined,
      context: undefined,
      isNamed: true,
    });
  });

  it('is stored for this user alone', () => {
    putContext(file(), 'lab', { server: 'http://lab:1', key: 'k' }, true);
    expect((statSync(file()).mode & 0o777).toString(8)).toBe('600');
    expect(readContexts(file()).current).toBe('lab');
    writeFileSync(file(), '{ broken');
    expect(() => readContexts(file())).toThrow('is not valid YAML');
  });
});

it('remembers an upload for the same file in the same state, on the same server', async () => {
  const path = join(folder, 'a.img');
  const notesFile = join(folder, 'state/uploads.json');
  writeFileSync(path, 'hello');
  const notes = createUploadNotes(notesFile);
  const file = await openLocalFile(path);
  notes.put('http://a', file, 'upl_1');
  expect(notes.find('http://a', file)).toBe('upl_1');
  expect(notes.find('http://b', file)).toBeUndefined();
  expect(Buffer.from(await file.read(1, 4)).toString()).toBe('ell');
  await file.close();
  writeFileSync(path, 'hello!');
  const changed = await openLocalFile(path);
  expect(notes.find('http://a', changed)).toBeUndefined();
  await changed.close();
  notes.forget('http://a', file);
  expect(readFileSync(notesFile, 'utf8')).toBe('{}');
});
