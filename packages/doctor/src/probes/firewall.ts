import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Observation } from '@drover/contract';
import { codeOf, done, skipped, timestamp, type Probed, type ProbeContext } from './probe.js';

const named = { name: 'firewall', title: "Rules of this machine's firewall that drop packets" };
const run = promisify(execFile);

const limitMs = 3_000;
const mostRules = 8;
const longestRule = 200;

/** Lines of `nft list ruleset` that drop or refuse something: rules, and chains that do so with what no rule took. */
export const droppingRules = (ruleset: string): string[] =>
  ruleset
    .split('\n')
    .map((line) => line.trim().replace(/ counter packets \d+ bytes \d+/, ''))
    .filter((line) => /\b(drop|reject)\b/.test(line) && !line.startsWith('#'))
    .slice(0, mostRules)
    .map((line) => line.slice(0, longestRule));

/** A hint beside what did not come through, never a finding of its own: what a rule does depends on those before it. */
export const probeFirewall = async (context: ProbeContext): Promise<Probed> => {
  if (process.getuid?.() !== 0) return skipped(named, 'only root may read them');
  try {
    const { stdout } = await run('nft', ['list', 'ruleset'], {
      ...{ timeout: limitMs, signal: context.signal, maxBuffer: 16 * 1024 * 1024 },
    });
    const observations = droppingRules(stdout).map((rule): Observation => ({
      kind: 'firewall',
      at: timestamp(context),
      by: 'this machine',
      tool: 'nft',
      rule,
    }));
    return done(named, observations);
  } catch (error) {
    const reason = codeOf(error) === 'ENOENT' ? 'it needs nft (package nftables)' : 'nft does not list them';
    return skipped(named, reason);
  }
};
