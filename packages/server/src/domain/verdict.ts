import type { BootSession, Model, RootMode, TimelineEntry, Verdict } from '@drover/contract';
import { faults } from './verdict-faults.js';

/** What is known about a session beside its own timeline. */
export interface SessionFacts {
  /** False: the board has no assignment, or its image is not ready. `reason` says which. */
  readonly bootable: boolean;
  readonly reason: string | null;
  /** Of the assignment. */
  readonly rootMode: RootMode | null;
  readonly dhcpMode: 'proxy' | 'full' | 'off';
  readonly image: {
    readonly name: string;
    readonly models: readonly Model[];
    readonly unfit: readonly { readonly model: Model; readonly reason: string }[];
    readonly warnings: readonly string[];
  } | null;
  /** Another board with the same boot prefix or MAC. */
  readonly conflict: string | null;
  /** Boots of this device within {@link loopWindowMs} that did not come up, this one included. */
  readonly unhealthy: number;
  /** Other sessions that ran at the same time. */
  readonly crowd: number;
}

export interface Case {
  readonly session: BootSession;
  readonly timeline: readonly TimelineEntry[];
  readonly facts: SessionFacts;
}

/** One fault of the catalogue, docs/boot-flow.md. `test` gives what fills its message, or undefined when its trace is not there. */
export interface Fault {
  readonly id: string;
  /** Number in the catalogue of faults; null for one of ours. */
  readonly number: number | null;
  readonly test: (it: Case) => string | undefined;
  readonly remedy: string | ((it: Case) => string);
  /** Also told about a boot that came up. */
  readonly warning?: true;
}

/** Five boots in fifteen minutes without coming up are a loop (fault 23). */
export const loopBoots = 5;
export const loopWindowMs = 15 * 60_000;

const verdictOf = (fault: Fault, message: string, it: Case): Verdict => ({
  fault: fault.id,
  message,
  remedy: typeof fault.remedy === 'string' ? fault.remedy : fault.remedy(it),
});

/**
 * Why a boot ended as it did, in plain words: the first fault whose trace is there. Null for a boot that came up with nothing to warn of, and for one
 * that is superseded before anything went wrong.
 */
export function judge(session: BootSession, timeline: readonly TimelineEntry[], facts: SessionFacts): Verdict | null {
  const it: Case = { session, timeline, facts };
  const rows = session.outcome === 'up' ? faults.filter((fault) => fault.warning) : faults;
  for (const fault of rows) {
    const message = fault.test(it);
    if (message !== undefined) return inLoop(verdictOf(fault, message, it), it);
  }
  return null;
}

/** A loop is told together with what the last boot died of. */
function inLoop(verdict: Verdict, { session, facts }: Case): Verdict {
  if (session.outcome === 'up' || !facts.bootable || facts.unhealthy < loopBoots) return verdict;
  return {
    fault: 'boot-loop',
    message: `${facts.unhealthy} boots within 15 minutes did not come up. The last one: ${verdict.message}`,
    remedy: `${verdict.remedy} To stop the loop, give the board an image that worked (drover reimage) or release it.`,
  };
}
