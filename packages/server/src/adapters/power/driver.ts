import { refusal, RefusedError, success, type PowerDriverKind, type Result } from '@drover/contract';
import type { PowerDriver, PowerTarget, Switched } from '../../app/power/ports.js';

/** What a kind of driver adds to the rest. It throws {@link PowerFault} for what did not work, RefusedError for what cannot. */
export interface Means {
  readonly kind: PowerDriverKind;
  readonly needs: readonly string[];
  readonly set: (target: PowerTarget, to: Switched, signal: AbortSignal) => Promise<void>;
  /** Undefined: nobody can tell. */
  readonly read: ((target: PowerTarget, signal: AbortSignal) => Promise<Switched>) | undefined;
}

/** It was tried and did not work. The message is a clause without a full stop, and holds no secret. */
export class PowerFault extends Error {
  readonly remedy: string | undefined;
  constructor(message: string, remedy?: string) {
    super(message);
    this.name = 'PowerFault';
    this.remedy = remedy;
  }
}

const wordsLimit = 300;

/** Words of somebody else, as one line that is not too long. */
export const words = (said: string): string => {
  const line = said
    .slice(0, 4 * wordsLimit)
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim();
  return line.length > wordsLimit ? `${line.slice(0, wordsLimit)}...` : line;
};

/** The board is not described well enough: no further attempt will help. */
export const unfit = (field: string, message: string, remedy: string): RefusedError =>
  new RefusedError(
    refusal('power.unsupported', `${field} ${message}.`, { remedy, errors: [{ field, message, remedy }] }),
  );

export const missingValue = (name: string): RefusedError =>
  unfit(`power.values.${name}`, 'is missing', `Give the board the value ${name}, which its driver needs.`);

const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

/** What a name means for a board: its value, or what is known of it anyhow. */
export const boardValue = ({ values, id, name: called, mac, serial, bootPrefix }: PowerTarget, name: string) =>
  own(values, name) ?? own({ id, name: called, mac, serial, piId: bootPrefix }, name) ?? null;

const isTimeout = ({ reason }: AbortSignal): boolean => (reason as Error | undefined)?.name === 'TimeoutError';

async function attempt<T>(doing: string, signal: AbortSignal, work: () => Promise<T>): Promise<Result<T>> {
  const failed = (why: string, remedy?: string) =>
    refusal('power.failed', `${doing}: ${why}.`, remedy === undefined ? {} : { remedy });
  const calledOff = () =>
    isTimeout(signal)
      ? failed('it was not done in time', 'Look whether the server reaches it, or raise timeoutSeconds of the driver.')
      : failed('it was called off');
  if (signal.aborted) return calledOff();
  try {
    return success(await work());
  } catch (fault) {
    if (fault instanceof RefusedError) return fault.refusal;
    if (fault instanceof PowerFault) return failed(fault.message, fault.remedy);
    if (signal.aborted) return calledOff();
    throw fault;
  }
}

/** What all drivers have in common: values that are missing, words of failures, the end of time. Never rejects for any of these. */
export const powerDriver = (name: string, { kind, needs, set, read }: Means): PowerDriver => {
  const check = (target: PowerTarget): void => {
    for (const need of needs) if (own(target.values, need) === undefined) throw missingValue(need);
  };
  return {
    name,
    kind,
    needs,
    canQuery: read !== undefined,
    switch: (target, to, signal) =>
      attempt(`${name} could not switch ${target.name} ${to}`, signal, async () => {
        check(target);
        await set(target, to, signal);
        return null;
      }),
    query: (target, signal) =>
      attempt(`${name} could not ask for the supply of ${target.name}`, signal, async () => {
        if (read === undefined)
          throw new RefusedError(
            refusal('power.unsupported', `The power driver ${name} cannot be asked for the state of a supply.`, {
              remedy: 'Look whether the board boots, or give it a driver that can be asked.',
            }),
          );
        check(target);
        return read(target, signal);
      }),
  };
};
