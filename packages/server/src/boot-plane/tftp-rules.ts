import { join } from 'node:path';
import { createGate } from '../adapters/disks/index.js';
import { tiedToUs } from '../adapters/import/tied.js';
import { systemClock } from '../adapters/system/index.js';
import { createRuleSources } from '../adapters/tftp-rules/index.js';
import type { NoteRuleFile } from '../app/boot/plane/rule-notes.js';
import { createRuleFiles, type MatchingRule, type RuleFiles } from '../app/boot/plane/rules.js';
import type { Log } from '../app/ports.js';
import type { Settings } from '../config.js';
import { readRule } from '../domain/tftp-rules.js';
import { StartError } from './settings.js';

interface Deps {
  readonly rules: Settings['boot']['tftp']['rules'];
  readonly dataDir: string;
  readonly note: NoteRuleFile;
  readonly log: Log;
  readonly mostHeld?: number;
}

/** On the disk, for all answers that are collected or sent at one time: a page of small files for every transfer there can be, or many large ones. */
const mostHeldBytes = 2 * 1024 ** 3;

/** The rules of TFTP, with what they take; undefined where there are none. */
export async function openTftpRules({ rules, dataDir, note, log, mostHeld }: Deps): Promise<RuleFiles | undefined> {
  if (rules.length === 0) return undefined;
  const { compilePattern } = await import('../adapters/patterns/index.js');
  const matching = rules.map((text, i): MatchingRule => {
    const compiled = compilePattern(text.match);
    const read = compiled.ok ? readRule(text, compiled.pattern.groups) : undefined;
    // The settings were read with the same functions.
    if (!compiled.ok || read?.ok !== true)
      throw new StartError(`boot.tftp.rules.${i} is no rule; see drover settings.`);
    const { pattern } = compiled;
    return { ...read.rule, find: (path) => pattern.find(path) };
  });
  const sources = await createRuleSources({
    folder: join(dataDir, 'run', 'tftp-answers'),
    mostHeld: mostHeld ?? mostHeldBytes,
    commandLine: tiedToUs,
    log,
  });
  return createRuleFiles({ rules: matching, sources, turns: createGate, after, note, clock: systemClock, log });
}

const after = (ms: number, run: () => void): (() => void) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};
