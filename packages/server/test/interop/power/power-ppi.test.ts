import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../eventually.js';
import { board, configured, describePowerDriver, patient, refusalOf, timed } from './driver-suite.js';

const program = (name: string): string => fileURLToPath(new URL(`programs/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'drover-ppi-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Settings of the program that keeps states in a folder of its own. */
const keeper = (name: string, more: Record<string, unknown> = {}) => {
  const home = join(folder, name);
  mkdirSync(join(home, 'state'), { recursive: true });
  const config = join(home, 'ppiConfig.json');
  writeFileSync(config, JSON.stringify({ state: join(home, 'state'), log: join(home, 'log'), ...more }));
  return { home, config, program: program('bakery.py') };
};

interface Started {
  readonly argv: string[];
  readonly stdin: string;
  readonly env: Record<string, string>;
  readonly cwd: string;
}

const startsOf = (home: string): Started[] =>
  existsSync(join(home, 'log'))
    ? readFileSync(join(home, 'log'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Started)
    : [];

const says = (line: string) => {
  const config = join(folder, `says-${Math.random()}.sh`);
  writeFileSync(config, `${line}\n`);
  return { kind: 'ppi', program: program('says.sh'), config };
};

const rigOf = (contract: 'bakery' | 'extended') => async () => {
  const { home, config } = keeper(contract);
  return {
    settings: { kind: 'ppi', program: program('bakery.py'), config, contract },
    boards: Array.from({ length: 12 }, (_, index) => ({ piId: `pi-${index}` })),
    state: async ({ piId = '' }) => {
      const path = join(home, 'state', piId);
      return existsSync(path) && readFileSync(path, 'utf8') === 'on' ? ('on' as const) : ('off' as const);
    },
    asked: async () => startsOf(home).length,
    canQuery: contract === 'extended',
    silent: { kind: 'ppi', program: program('hangs.sh'), config: join(home, 'none') },
    refusing: { settings: says('printf "Pi with ID pi-0 not in ppi ppiConfiguration.json"'), words: /not in ppi/ },
    stop: async () => undefined,
  };
};

describePowerDriver('ppi, as Bakery has it', rigOf('bakery'), { failures: true });
describePowerDriver('ppi, extended', rigOf('extended'), { failures: true });

describe('a power program', () => {
  it('is started with its config, one JSON document, and nothing else of ours', async () => {
    const { home, config } = keeper('plain');
    const { driver } = configured({ kind: 'ppi', program: program('bakery.py'), config });
    expect((await driver.switch(board(), 'on', patient())).ok).toBe(true);
    expect((await driver.switch(board({ piId: 'pi-one' }), 'off', patient())).ok).toBe(true);
    const [first, second] = startsOf(home);
    expect(first?.argv).toEqual(['-c', config]);
    expect(first?.stdin).toBe('{"piId":"91cdf03d","action":"poweron"}');
    expect(second?.stdin).toBe('{"piId":"pi-one","action":"poweroff"}');
    expect(first?.cwd).toBe(home);
    const { PATH, LC_CTYPE: _python, ...rest } = first?.env ?? {};
    expect(PATH).toMatch(/^\/usr\/local\/sbin:/);
    expect(rest).toEqual({});
  });

  it('is not asked about a board that has no id', async () => {
    const { config } = keeper('nobody');
    const { driver } = configured({ kind: 'ppi', program: program('bakery.py'), config });
    const refused = refusalOf(await driver.switch({ ...board(), bootPrefix: null }, 'on', patient()));
    expect(refused.code).toBe('power.unsupported');
    expect(refused.errors?.[0]?.field).toBe('power.values.piId');
  });

  it('that lies is believed, and its state tells', async () => {
    const { config } = keeper('liar', { lies: true });
    const { driver } = configured({ kind: 'ppi', program: program('bakery.py'), config, contract: 'extended' });
    expect((await driver.switch(board(), 'on', patient())).ok).toBe(true);
    expect(await driver.query(board(), patient())).toEqual({ ok: true, value: 'off' });
  });

  it.each([
    ['with a line end', 'echo ok', /printed a line end after ok/],
    ['with an error beside it', 'printf ok; echo "relay 3 is hot" >&2', /printed an error: relay 3 is hot ok/],
    ['with a bad end', 'printf ok; exit 3', /ended with 3: ok/],
    ['killed', 'printf ok; kill -9 $$', /ended with a signal: ok/],
    ['nothing', 'exit 0', /printed neither of ok but nothing/],
    ['with more', 'printf "ok then"', /printed neither of ok but ok then/],
    ['in colours', "printf '\\033[31mno\\n\\0way'", /neither of ok but \[31mno way/],
  ])('that says ok is believed only where it says nothing else: %s', async (_name, line, words) => {
    const refused = refusalOf(await configured(says(line)).driver.switch(board(), 'on', patient()));
    expect(refused.code).toBe('power.failed');
    expect(refused.detail).toMatch(words);
  });

  it('answers a query in words of its own only', async () => {
    for (const line of ['printf maybe', 'echo on', 'printf ok'])
      expect((await configured({ ...says(line), contract: 'extended' }).driver.query(board(), patient())).ok).toBe(
        false,
      );
    expect(await configured({ ...says('printf on'), contract: 'extended' }).driver.query(board(), patient())).toEqual({
      ok: true,
      value: 'on',
    });
  });

  it.each(['exec yes', 'exec yes >&2'])('that floods is ended: %s', async (line) => {
    const [result, ms] = await timed(configured(says(line)).driver.switch(board(), 'on', patient()));
    const refused = refusalOf(result);
    expect(refused.detail).toContain('printed more than it may');
    expect(refused.detail.length).toBeLessThan(500);
    expect(ms).toBeLessThan(10_000);
  });

  it('that does not read what it is told is judged by what it says', async () => {
    expect((await configured(says('exec <&-; printf ok')).driver.switch(board(), 'on', patient())).ok).toBe(true);
  });

  it('that is not there, or is none, is named', async () => {
    const absent = configured({ kind: 'ppi', program: join(folder, 'absent') }).driver;
    expect(refusalOf(await absent.switch(board(), 'on', patient())).detail).toContain(
      `${join(folder, 'absent')} is not there`,
    );
    const text = join(folder, 'text');
    writeFileSync(text, 'no program', { mode: 0o644 });
    const plain = configured({ kind: 'ppi', program: text }).driver;
    expect(refusalOf(await plain.switch(board(), 'on', patient())).detail).toContain(`${text} may not be run`);
  });
});

describe('children of a power program', () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(folder, 'children-'));
  });
  const settings = (name: string) => ({ kind: 'ppi', program: program(name), config: join(home, 'config') });

  const isGone = (pid: number): boolean => {
    try {
      process.kill(pid, 0);
      return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
    } catch {
      return true;
    }
  };

  it('end with it when its time is over, and what it said is told', async () => {
    const result = await configured(settings('hangs.sh')).driver.switch(board(), 'on', AbortSignal.timeout(800));
    expect(refusalOf(result).detail).toContain('waiting for the relay');
    const pids = readFileSync(join(home, 'pids'), 'utf8').trim().split(' ').map(Number);
    expect(pids).toHaveLength(2);
    await eventually(() => expect(pids.map(isGone)).toEqual([true, true]));
  });

  it('that it leaves behind are not waited for, and go on', async () => {
    const [result, ms] = await timed(configured(settings('leaves-a-child.sh')).driver.switch(board(), 'on', patient()));
    expect(result.ok).toBe(true);
    expect(ms).toBeLessThan(1900);
    await eventually(() => expect(readFileSync(join(home, 'pressed'), 'utf8')).toBe('done\n'));
  });
});
