import { describe, expect, it } from 'vitest';
import { silentLog } from '../../../../test/boot/log.js';
import type { Log } from '../../ports.js';
import type { RuleWork, TftpRule } from '../../../domain/tftp-rules.js';
import type { NotedEnd } from './files.js';
import type { Collected, CollectOptions } from './ports.js';
import { createRuleFiles, type MatchingRule, type Turns } from './rules.js';

const end = { outcome: 'complete', bytes: 3, ms: 1 } as const;
const program: TftpRule = {
  target: { kind: 'program', program: '/bin/p', args: [[1]] },
  timeoutMs: 10_000,
  maxSize: 100,
  concurrency: 1,
};

const matching = (pattern: RegExp, rule: Partial<TftpRule> = {}): MatchingRule => ({
  ...program,
  ...rule,
  find: (path) => {
    const found = pattern.exec(path);
    return found === null ? undefined : [...found];
  },
});

/** One at a time, in order. */
const oneByOne = (): Turns => {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run: (work) => {
      const mine = last.then(work);
      last = mine.catch(() => undefined);
      return mine;
    },
  };
};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Rules over sources that do as the test says, with a clock that it owns. */
function given(rules: MatchingRule[], collect: (work: RuleWork, options: CollectOptions) => Promise<Collected>) {
  const works: RuleWork[] = [];
  const signals: AbortSignal[] = [];
  const notes: NotedEnd[] = [];
  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: (_fields, message) => void warnings.push(message) };
  let now = 0;
  const timers = new Set<() => void>();
  const closed: number[] = [];
  const files = createRuleFiles({
    rules,
    sources: {
      collect: (work, options) => {
        works.push(work);
        signals.push(options.signal);
        return collect(work, options);
      },
    },
    turns: oneByOne,
    after: (_ms, run) => {
      timers.add(run);
      return () => void timers.delete(run);
    },
    note: (_request, noted) => void notes.push(noted),
    clock: { now: () => now },
    log,
  });
  const gone = new AbortController();
  const open = (path: string, signal = gone.signal) => files.open({ path, clientAddress: '10.0.0.9', signal });
  const expire = () => [...timers].forEach((run) => run());
  const file = (size: number): Collected => ({
    kind: 'file',
    file: { size, read: async () => new Uint8Array(size), close: async () => void closed.push(size) },
  });
  const wait = (ms: number) => void (now += ms);
  return { ...{ open, warnings, wait, works, signals, notes, timers, closed, gone, expire, file } };
}

describe('rules of TFTP', () => {
  it('are asked in order, and the first that matches answers', async () => {
    const it_ = given([matching(/^(a)$/), matching(/^(.)/), matching(/^(b)$/)], async () => it_.file(3));
    await it_.open('a');
    await it_.open('b');
    expect(it_.open('')).toBeUndefined();
    expect(it_.works).toEqual([
      { kind: 'program', program: '/bin/p', args: ['a'] },
      { kind: 'program', program: '/bin/p', args: ['b'] },
    ]);
    const second = await it_.open('b');
    if (second?.kind !== 'file') throw new Error('no file');
    second.file.end(end);
    expect(it_.notes).toEqual([{ ...end, detail: 'by rule 2' }]);
  });

  it('close what they opened when it is sent, once, and tell it', async () => {
    const it_ = given([matching(/(.)/)], async () => it_.file(3));
    const answer = await it_.open('x');
    if (answer?.kind !== 'file') throw new Error('no file');
    expect([answer.file.size, (await answer.file.read(0, 3)).length, it_.closed]).toEqual([3, 3, []]);
    answer.file.end({ ...end, outcome: 'aborted', detail: 'Early terminate' });
    answer.file.end(end);
    expect(it_.closed).toEqual([3]);
    expect(it_.notes).toEqual([{ ...end, outcome: 'aborted', detail: 'by rule 1: Early terminate' }]);
    expect(it_.timers.size).toBe(0);
  });

  it.each(['absent', 'failed'] as const)('that match and find nothing do not let others try: %s', async (kind) => {
    const it_ = given([matching(/(.)/), matching(/(.)/)], async () => ({ kind, reason: 'its server answered 500' }));
    expect(await it_.open('x')).toEqual({ kind, reason: 'rule 1: its server answered 500' });
    expect(it_.works).toHaveLength(1);
    expect(it_.notes).toEqual([{ outcome: kind, bytes: 0, ms: 0, detail: 'rule 1: its server answered 500' }]);
  });

  it('answer where something breaks that nobody thought of', async () => {
    const it_ = given([matching(/(.)/)], () => Promise.reject(new Error('EIO /srv/secret')));
    expect(await it_.open('x')).toEqual({
      kind: 'failed',
      reason: 'rule 1: the server could not bring it; see its log',
    });
  });

  it('fill no log, however often they fail', async () => {
    const it_ = given([matching(/^(a)/), matching(/^(b)/), matching(/^(c)/)], async (work) => ({
      kind: work.kind === 'program' && work.args[0] === 'c' ? 'absent' : 'failed',
      reason: 'no',
    }));
    for (const path of ['a', 'a', 'b', 'c']) await it_.open(path);
    it_.wait(999);
    await it_.open('a');
    it_.wait(1);
    await it_.open('a');
    const said = (name: string) => `no file by TFTP: ${name}: no`;
    expect(it_.warnings).toEqual([said('rule 1'), said('rule 2'), said('rule 1')]);
    expect(it_.notes).toHaveLength(6);
  });

  it('refuse what leads out without asking for it', async () => {
    const target = { kind: 'file-below', root: '/srv', file: [1] } as const;
    const it_ = given([matching(/^(.*)$/, { target })], async () => it_.file(3));
    expect(await it_.open('../etc/shadow')).toMatchObject({
      kind: 'failed',
      reason: expect.stringMatching(/leads out/) as string,
    });
    expect(it_.works).toEqual([]);
  });

  it('end what takes too long, and throw away what comes later', async () => {
    let finish: (collected: Collected) => void = () => undefined;
    const it_ = given([matching(/(.)/)], () => new Promise((resolve) => (finish = resolve)));
    const answer = it_.open('x');
    await turn();
    it_.expire();
    expect(await answer).toEqual({ kind: 'failed', reason: 'rule 1: it was not there within 10 s' });
    expect(it_.signals[0]?.aborted).toBe(true);
    finish(it_.file(7));
    await turn();
    expect(it_.closed).toEqual([7]);
  });

  it('let no one wait for a turn longer than for the answer', async () => {
    const it_ = given([matching(/(.)/)], () => new Promise(() => undefined));
    const [first, second] = [it_.open('x'), it_.open('y')];
    await turn();
    expect(it_.works).toHaveLength(1);
    it_.expire();
    expect(await first).toMatchObject({ reason: 'rule 1: it was not there within 10 s' });
    expect(await second).toMatchObject({
      reason: 'rule 1: 1 others run already, and none came to its end within 10 s',
    });
  });

  it('ask for nothing in the turn of somebody who is gone', async () => {
    const ends: (() => void)[] = [];
    const it_ = given([matching(/(.)/)], () => new Promise((resolve) => ends.push(() => resolve(it_.file(3)))));
    const gone = new AbortController();
    const [first, second, third] = [it_.open('x'), it_.open('y', gone.signal), it_.open('z')];
    await turn();
    gone.abort();
    expect(await second).toMatchObject({ reason: expect.stringMatching(/the client was gone/) as string });
    expect(it_.notes).toMatchObject([{ outcome: 'aborted' }]);
    ends[0]!();
    await first;
    await turn();
    expect(it_.works).toHaveLength(2);
    ends[1]!();
    expect(await third).toMatchObject({ kind: 'file' });
  });

  it('end their work when the client goes', async () => {
    const it_ = given([matching(/(.)/)], () => new Promise(() => undefined));
    const answer = it_.open('x');
    await turn();
    it_.gone.abort();
    expect(await answer).toMatchObject({ kind: 'failed' });
    expect(it_.signals[0]?.aborted).toBe(true);
  });
});
