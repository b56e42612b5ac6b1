import type { Check, DoctorReport, Finding, Observation } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Button } from '../ui/Button.js';
import { Copyable } from '../ui/Copyable.js';
import { countText } from '../ui/format.js';
import { Notice, ProblemNotice } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { Badge, StateDot } from '../ui/State.js';
import { Time } from '../ui/Time.js';
import layout from '../ui/layout.module.css';
import { countChecks, modeTexts, seenText, serverIn, severityLooks, worstFirst } from './model.js';
import { doctorQuery } from './queries.js';
import styles from './doctor.module.css';

const FindingPanel = ({ finding }: { readonly finding: Finding }) => (
  <li className={layout['panel']} data-fault={finding.fault}>
    <div className={layout['row']}>
      <StateDot look={severityLooks[finding.severity]} />
      <Badge>{finding.fault}</Badge>
    </div>
    <h3>{finding.message}</h3>
    <p>
      <strong>What to do:</strong> {finding.remedy}
    </p>
    {finding.evidence.length > 0 && (
      <details>
        <summary>Concluded from {countText(finding.evidence.length, 'observation')}</summary>
        <ul className={styles['evidence']}>
          {finding.evidence.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      </details>
    )}
  </li>
);

const Findings = ({ report }: { readonly report: DoctorReport }) => {
  const { done, skipped } = countChecks(report.checks);
  const looked = `${countText(done.length, 'thing')} looked at${skipped.length === 0 ? '' : `, ${skipped.length} left out`}`;
  if (report.findings.length === 0)
    return (
      <Notice
        tone={skipped.length === 0 ? 'ok' : 'info'}
        title={
          skipped.length === 0
            ? 'The server sees nothing wrong.'
            : 'Nothing wrong was found, and not everything could be looked at.'
        }
      >
        {looked}, <Time at={report.endedAt} />. What it cannot see from where it stands is below.
      </Notice>
    );
  return (
    <section aria-label="Findings" className={layout['stack']}>
      <h2>{report.findings.length === 1 ? 'One thing is wrong' : `${report.findings.length} things are wrong`}</h2>
      <ul className={layout['stack']}>
        {worstFirst(report.findings).map((finding) => (
          <FindingPanel key={`${finding.fault} ${finding.message}`} finding={finding} />
        ))}
      </ul>
    </section>
  );
};

const checkLook = ({ outcome }: Check) =>
  outcome === 'done'
    ? ({ tone: 'ok', form: 'full', label: 'Looked at' } as const)
    : ({ tone: 'warn', form: 'dashed', label: 'Left out' } as const);

const Checks = ({ checks }: { readonly checks: readonly Check[] }) => (
  <section className={layout['panel']} aria-label="Checks">
    <h2>What was looked for</h2>
    <ul className={styles['checks']}>
      {checks.map((check) => (
        <li key={check.name}>
          <StateDot look={checkLook(check)} />
          <span>
            {check.title}
            {check.reason !== null && <p className={layout['small']}>{check.reason}</p>}
          </span>
        </li>
      ))}
    </ul>
  </section>
);

const places = (all: readonly { readonly name: string; readonly address: string }[]): string =>
  all.length === 0 ? 'none' : all.map(({ name, address }) => `${address} (${name})`).join(', ');

const Served = ({ observations }: { readonly observations: readonly Observation[] }) => {
  const server = serverIn(observations);
  const seen = observations.flatMap((each) => {
    const text = seenText(each);
    return text === undefined ? [] : [{ key: `${each.kind} ${text}`, text, at: each.at }];
  });
  return (
    <section className={layout['panel']} aria-label="What the server knows">
      <h2>What the server knows</h2>
      {server !== undefined && (
        <dl className={layout['facts']}>
          <dt>Answers boards</dt>
          <dd>{modeTexts[server.dhcpMode]}</dd>
          <dt>Serves</dt>
          <dd>{places(server.interfaces)}</dd>
          {server.unserved.length > 0 && (
            <>
              <dt>Not served</dt>
              <dd>{places(server.unserved)}</dd>
            </>
          )}
          <dt>Ports</dt>
          <dd>
            DHCP {server.ports.dhcp}, TFTP {server.ports.tftp}, HTTP {server.ports.http}, disks {server.ports.nbd}
            {server.ports.nfs !== null && `, NFS ${server.ports.nfs}`}
          </dd>
        </dl>
      )}
      {seen.length > 0 && (
        <details>
          <summary>{countText(seen.length, 'more thing')} it saw</summary>
          <ul className={styles['evidence']}>
            {seen.map(({ key, text, at }) => (
              <li key={key}>
                {text} (<Time at={at} />)
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
};

/** The server sends nothing: what takes a machine on the boards' network is for the command line. */
const Beyond = () => (
  <section className={layout['panel']} aria-label="What only the network shows">
    <h2>What only a machine on the boards’ network sees</h2>
    <ul className={styles['beyond']}>
      <li>who hands out addresses there, and whether anybody does</li>
      <li>spanning tree on the port of the switch, which keeps a board waiting</li>
      <li>two machines with the same address, and clocks that differ</li>
      <li>firewalls, and blocks of files that get lost on the way</li>
    </ul>
    <p>Run the doctor there, best at the very port that the board is to be plugged into:</p>
    <Copyable text={`sudo drover doctor --server ${location.origin}`} />
    <p>And play a board, from power-on until it is up:</p>
    <Copyable text={`sudo drover doctor --server ${location.origin} --simulate pi4`} />
  </section>
);

/** What is wrong with the network of the boards, as far as the server can know. */
export const DoctorPage = () => {
  const report = useQuery(doctorQuery);
  return (
    <div className={layout['page']}>
      <title>Network doctor · Drover</title>
      <div className={layout['head']}>
        <div>
          <h1>Network doctor</h1>
          <p className={layout['muted']}>
            Why boards are not heard, or do not get what they ask for.{' '}
            <Link to="/start">How network boot is switched on</Link>.
          </p>
        </div>
        <Button busy={report.isFetching} onClick={() => void report.refetch()}>
          Look again
        </Button>
      </div>
      {report.isError && <ProblemNotice error={report.error} />}
      {report.isPending && <Progress label="Looking at the network" done={0} total={null} />}
      <div className={layout['columns']}>
        <div className={layout['stack']}>
          {report.data !== undefined && (
            <>
              <div role="status">
                <Findings report={report.data} />
              </div>
              <Checks checks={report.data.checks} />
            </>
          )}
        </div>
        <div className={layout['stack']}>
          {report.data !== undefined && <Served observations={report.data.observations} />}
          <Beyond />
        </div>
      </div>
    </div>
  );
};
