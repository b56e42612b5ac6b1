import { planWork, type TftpRule } from '../../../domain/tftp-rules.js';
import type { Clock, Log } from '../../ports.js';
import type { Collected, CollectedFile, RuleSources, TransferEnd } from './ports.js';
import type { NoteRuleFile } from './rule-notes.js';

/** A rule with what it takes to be asked. */
export interface MatchingRule extends TftpRule {
  /** All that its pattern finds in a path and its groups; undefined where it finds nothing. */
  find(path: string): readonly string[] | undefined;
}

export interface RuleRequest {
  /** As the listener gives it: relative, short, printable. */
  readonly path: string;
  readonly clientAddress: string;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
}

export interface RuleFile extends Pick<CollectedFile, 'size' | 'read'> {
  /** Must be called once when the transfer is over, however it ended. */
  end(end: TransferEnd): void;
}

export type RuleAnswer =
  | { readonly kind: 'file'; readonly file: RuleFile }
  /** Already told. `reason` may be sent to the client. */
  | { readonly kind: 'absent' | 'failed'; readonly reason: string };

/** What comes before the boot files of boards, for TFTP alone. */
export interface RuleFiles {
  /** The answer of the first rule whose pattern is in the path, whatever comes of it; undefined when there is none. Never rejects. */
  open(request: RuleRequest): Promise<RuleAnswer> | undefined;
}

/** Lets only so many run at once. */
export interface Turns {
  run<T>(work: () => Promise<T>): Promise<T>;
}

interface RulesDeps {
  readonly rules: readonly MatchingRule[];
  readonly sources: RuleSources;
  readonly turns: (limit: number) => Turns;
  /** Calls once after so many milliseconds; gives the way to call it off. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** Puts a transfer on the timeline of whoever asks, where that is known. */
  readonly note: NoteRuleFile;
  readonly clock: Clock;
  readonly log: Log;
}

/** Between two lines in the log that the same rule failed. */
const betweenWarningsMs = 1000;

export function createRuleFiles(deps: RulesDeps): RuleFiles {
  const rules = deps.rules.map((rule, i) => ({
    ...rule,
    name: `rule ${i + 1}`,
    // Files and addresses need no turn: nothing of this machine is used up while they are waited for.
    turns: rule.target.kind === 'program' ? deps.turns(rule.concurrency) : undefined,
  }));

  const toldAt = new Map<string, number>();
  /** Strangers can have a rule fail as often as they like. */
  const isQuiet = (name: string): boolean => {
    const now = deps.clock.now();
    if (now - (toldAt.get(name) ?? -Infinity) < betweenWarningsMs) return false;
    toldAt.set(name, now);
    return true;
  };

  const answer = async (rule: (typeof rules)[number], found: readonly string[], request: RuleRequest) => {
    const began = deps.clock.now();
    const planned = planWork(rule.target, found);
    const collected: Collected = planned.ok
      ? await collectInTime(deps, rule, request, (signal) =>
          deps.sources.collect(planned.work, { maxSize: rule.maxSize, client: request.clientAddress, signal }),
        )
      : { kind: 'failed', reason: planned.reason };
    if (collected.kind === 'file') return { kind: 'file', file: opened(rule.name, collected.file, request) } as const;
    const reason = `${rule.name}: ${collected.reason}`;
    const { path, clientAddress: client, signal } = request;
    // Paths that are not there are daily bread, where a rule is for all that may be asked.
    const isWorthIt = collected.kind === 'failed' && !signal.aborted && isQuiet(rule.name);
    deps.log[isWorthIt ? 'warn' : 'debug']({ path, client }, `no file by TFTP: ${reason}`);
    const outcome = signal.aborted ? 'aborted' : collected.kind;
    deps.note(request, { outcome, bytes: 0, ms: deps.clock.now() - began, detail: reason });
    return { kind: collected.kind, reason };
  };

  const opened = (name: string, file: CollectedFile, request: RuleRequest): RuleFile => {
    let ended = false;
    return {
      size: file.size,
      read: (offset, length) => file.read(offset, length),
      end: (end) => {
        if (ended) return;
        ended = true;
        close(deps.log, file);
        const detail = end.detail === undefined ? `by ${name}` : `by ${name}: ${end.detail}`;
        deps.note(request, { ...end, detail });
      },
    };
  };

  return {
    open: (request) => {
      for (const rule of rules) {
        const found = rule.find(request.path);
        if (found !== undefined) return answer(rule, found, request);
      }
      return undefined;
    },
  };
}

/** The wait for a turn counts: whoever asks waits for both. */
async function collectInTime(
  deps: Pick<RulesDeps, 'after' | 'log'>,
  { timeoutMs, concurrency, turns }: TftpRule & { readonly turns: Turns | undefined },
  { signal: gone, path }: RuleRequest,
  collect: (signal: AbortSignal) => Promise<Collected>,
): Promise<Collected> {
  const late = new AbortController();
  const over = AbortSignal.any([gone, late.signal]);
  let begun = false;
  const overdue = (): string => {
    if (gone.aborted) return 'the client was gone before it was there';
    const time = `within ${timeoutMs / 1000} s`;
    return begun ? `it was not there ${time}` : `${concurrency} others run already, and none came to its end ${time}`;
  };
  const stopped = new Promise<Collected>((resolve) => {
    const stop = (): void => resolve({ kind: 'failed', reason: overdue() });
    if (over.aborted) stop();
    else over.addEventListener('abort', stop, { once: true });
  });
  const begin = async (): Promise<Collected> => {
    begun = true;
    return over.aborted ? stopped : collect(over);
  };
  const working = (turns === undefined ? begin() : turns.run(begin)).catch((error: unknown): Collected => {
    deps.log.error({ err: error, path }, 'what a rule of TFTP names could not be brought');
    return { kind: 'failed', reason: 'the server could not bring it; see its log' };
  });
  const callOff = deps.after(timeoutMs, () => late.abort());
  const first = await Promise.race([stopped, working]).finally(callOff);
  if (first.kind !== 'file') {
    // Nobody waits for what comes now.
    void working.then((collected) => {
      if (collected.kind === 'file') close(deps.log, collected.file);
    });
  }
  return first;
}

function close(log: Log, file: CollectedFile): void {
  file.close().catch((error: unknown) => log.warn({ err: error }, 'a file of a TFTP rule could not be closed'));
}
