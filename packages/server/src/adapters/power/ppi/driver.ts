import { dirname } from 'node:path';
import type { PowerDriver, PowerTarget, Switched } from '../../../app/power/ports.js';
import { boardValue, missingValue, PowerFault, powerDriver, words } from '../driver.js';
import type { PpiSettings } from '../settings.js';
import { runProgram, type ProgramEnd } from './program.js';

type Action = 'poweron' | 'poweroff' | 'query';

const remedy = 'Run the program by hand with the same input to see what is wrong.';

const said = ({ stdout, stderr }: ProgramEnd): string => {
  const text = words(`${stderr} ${stdout}`);
  return text === '' ? ' and said nothing' : `: ${text}`;
};

/** What the program printed, where it ended as one does that did what it was told. */
function answerOf(program: string, end: ProgramEnd, signal: AbortSignal): string {
  if (signal.aborted)
    throw new PowerFault(
      `${program} had not ended when its time was over${said(end)}`,
      'Raise timeoutSeconds of the driver, or mend the program.',
    );
  if (end.tooMuch) throw new PowerFault(`${program} printed more than it may${said(end)}`, remedy);
  if (end.code !== 0) throw new PowerFault(`${program} ended with ${end.code ?? 'a signal'}${said(end)}`, remedy);
  if (end.stderr !== '') throw new PowerFault(`${program} printed an error${said(end)}`, remedy);
  return end.stdout;
}

const notUnderstood = (program: string, stdout: string, wanted: readonly string[]): PowerFault =>
  wanted.includes(stdout.replace(/\r?\n$/, ''))
    ? new PowerFault(`${program} printed a line end after ${stdout.trim()}`, 'Print it without, as `printf ok` does.')
    : new PowerFault(
        `${program} printed neither of ${wanted.join(', ')} but ${stdout === '' ? 'nothing' : words(stdout)}`,
        remedy,
      );

/**
 * A program as Bakery has them: one JSON document to its standard input, and exactly `ok`, without a line end, back. The extended contract adds the
 * action `query`, answered by `on` or `off`. Such programs look for what they need in their working folder, which is that of their config.
 */
export const ppiDriver = (name: string, { program, config, contract }: PpiSettings): PowerDriver => {
  const ask = async (target: PowerTarget, action: Action, answers: readonly string[], signal: AbortSignal) => {
    const piId = boardValue(target, 'piId');
    if (piId === null) throw missingValue('piId');
    const end = await runProgram(program, config === undefined ? [] : ['-c', config], {
      input: JSON.stringify({ piId, action }),
      cwd: dirname(config ?? program),
      signal,
    });
    const answer = answerOf(program, end, signal);
    if (!answers.includes(answer)) throw notUnderstood(program, answer, answers);
    return answer;
  };
  return powerDriver(name, {
    kind: 'ppi',
    needs: [],
    set: async (target, to, signal) => {
      await ask(target, to === 'on' ? 'poweron' : 'poweroff', ['ok'], signal);
    },
    read:
      contract === 'extended'
        ? async (target, signal) => (await ask(target, 'query', ['on', 'off'], signal)) as Switched
        : undefined,
  });
};
