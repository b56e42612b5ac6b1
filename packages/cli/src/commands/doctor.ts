import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { isIPv4 } from 'node:net';
import type { Check, DoctorReport, Finding, Model } from '@drover/contract';
import { examine, playedModels, simulate, type Further, type Progress } from '@drover/doctor/probes';
import { createClient, type Client } from '@drover/sdk';
import { stepText } from '@drover/simulator';
import { numberOption, textOption, UsageError, type Action, type Cli } from '../command.js';
import { targetOf } from '../connect.js';
import { hint, show } from '../show.js';
import { safeText } from '../terminal/format.js';
import { paint } from '../terminal/io.js';

/** Exit code with findings, as a board that does not come up has it. */
const notHealthy = 4;
const defaultSeconds = 6;
const leastSeconds = 2;

const cardOption = ({ options }: Cli): string | undefined => {
  const wanted = textOption(options, 'interface');
  if (wanted === undefined || isIPv4(wanted)) return wanted;
  const isName = /^[A-Za-z0-9_.@-]{1,15}$/.test(wanted) && !wanted.startsWith('.');
  if (isName && existsSync(`/sys/class/net/${wanted}`)) return wanted;
  throw new UsageError(`This machine has no network card ${wanted}`, 'Names are those of `ip link`.');
};

const modelsOption = ({ options }: Cli): readonly Model[] => {
  const wanted = textOption(options, 'simulate');
  if (wanted === undefined) {
    if (textOption(options, 'image') !== undefined) {
      throw new UsageError('--image is for --simulate', 'Add --simulate with a model, or leave --image out.');
    }
    return [];
  }
  if (wanted === 'all') return playedModels;
  const model = playedModels.find((each) => each === wanted);
  if (model !== undefined) return [model];
  throw new UsageError(
    `--simulate ${wanted} is no model that can be played`,
    `It is all, or one of ${playedModels.join(', ')}.`,
  );
};

const simulationOf = (cli: Cli, client: Client): Further | undefined => {
  const models = modelsOption(cli);
  if (models.length === 0) return undefined;
  const image = textOption(cli.options, 'image');
  return simulate({
    ...{ client, models, ...(image === undefined ? {} : { image }) },
    onStep: (model, step) => hint(cli, `  ${model.padEnd(5)} ${safeText(stepText(step))}`),
  });
};

const checkText = ({ title, outcome, reason }: Check): string =>
  outcome === 'done' ? `  looked at: ${title}` : `  left out:  ${title}: ${reason ?? 'no reason is known'}`;

const tell =
  (cli: Cli) =>
  (progress: Progress): void => {
    if (progress.type === 'check') return hint(cli, safeText(checkText(progress.check)));
    const where = progress.cards.map(({ name, address }) => `${name} (${address})`).join(' and ');
    if (where !== '') hint(cli, `Listening on ${where} for ${progress.seconds} s. Ctrl-C ends it.`);
  };

const findingText = ({ io }: Cli, { fault, severity, message, remedy, evidence }: Finding): string =>
  [
    `${paint(io, severity === 'error' ? 'red' : 'yellow', severity)} ${paint(io, 'bold', fault)}`,
    `  ${message}`,
    `  What to do: ${remedy}`,
    ...evidence.map((line) => paint(io, 'dim', `    seen ${line}`)),
    '',
  ]
    .map((line) => `${line}\n`)
    .join('');

const countText = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

const reportText = (cli: Cli, { findings, checks }: DoctorReport): string => {
  const left = checks.filter(({ outcome }) => outcome === 'skipped');
  const rest =
    left.length === 0
      ? ''
      : `${countText(left.length, 'thing was', 'things were')} left out:\n${left.map(({ title, reason }) => `  ${title}: ${reason ?? ''}\n`).join('')}`;
  const head =
    findings.length === 0
      ? `Nothing is wrong that was looked for (${countText(checks.length - left.length, 'check', 'checks')}).\n`
      : `${countText(findings.length, 'thing is', 'things are')} wrong:\n\n`;
  return safeText(head) + findings.map((finding) => findingText(cli, finding)).join('') + safeText(rest);
};

/** Text off the wire is shown as text, whatever is in it. */
const withSafeFindings = (report: DoctorReport): DoctorReport => ({
  ...report,
  findings: report.findings.map((finding) => ({
    ...finding,
    message: safeText(finding.message),
    remedy: safeText(finding.remedy),
    evidence: finding.evidence.map(safeText),
  })),
});

export const doctor: Action = async (cli) => {
  const seconds = numberOption(cli.options, 'seconds', leastSeconds) ?? defaultSeconds;
  const card = cardOption(cli);
  const { server, key, isNamed } = targetOf(cli);
  // A server that is down is something to be told, not to be waited for.
  const client = createClient({ baseUrl: server, key, attempts: 1 });
  const further = simulationOf(cli, client);
  const report = await examine(
    {
      ...{ client, serverIsNamed: isNamed, seconds, host: hostname(), now: Date.now, onProgress: tell(cli) },
      ...(card === undefined ? {} : { interface: card }),
      ...(further === undefined ? {} : { further }),
    },
    cli.signal,
  );
  show(cli, report, reportText(cli, withSafeFindings(report)));
  return report.healthy ? 0 : notHealthy;
};
