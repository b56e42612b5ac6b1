import type { ServerCheck, ServerStats } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { Button } from '../ui/Button.js';
import { Copyable } from '../ui/Copyable.js';
import { bytesText } from '../ui/format.js';
import { ProblemNotice } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { Badge, StateDot } from '../ui/State.js';
import { Time } from '../ui/Time.js';
import layout from '../ui/layout.module.css';
import { reachable } from './addresses.js';
import { Plot } from './Plot.js';
import { plots } from './plots.js';
import { statsQuery } from './queries.js';
import styles from './server.module.css';

const checkNames: Readonly<Record<string, string>> = {
  store: 'Database',
  'boot plane': 'Boot plane',
  disk: 'Data folder',
};

/** `71472357376 bytes free` is for programs. */
const detailText = (detail: string): string =>
  detail.replace(/\b(\d{4,}) bytes/g, (_, digits: string) => bytesText(Number(digits)));

const Checks = ({ checks }: { readonly checks: readonly ServerCheck[] }) => (
  <section className={layout['panel']} aria-label="Checks">
    <h2>{checks.every(({ ok }) => ok) ? 'Ready' : 'Not ready'}</h2>
    <ul className={styles['checks']}>
      {checks.map(({ name, ok, detail }) => (
        <li key={name}>
          <StateDot
            look={{
              tone: ok ? 'ok' : 'bad',
              form: ok ? 'full' : 'cross',
              label: `${checkNames[name] ?? name}: ${ok ? 'well' : 'not well'}`,
            }}
          />
          <span className={layout['small']}>{detailText(detail)}</span>
        </li>
      ))}
    </ul>
  </section>
);

const Places = ({ stats }: { readonly stats: ServerStats }) => (
  <section className={layout['panel']} aria-label="Addresses">
    <h2>Addresses</h2>
    <dl className={layout['facts']}>
      <dt>API</dt>
      <dd>
        {stats.addresses.api.map((url) => (
          <Copyable key={url} text={reachable(url, location.hostname)} />
        ))}
      </dd>
      <dt>Boards fetch at</dt>
      <dd>{stats.addresses.boot === null ? 'no network interface is up' : <Copyable text={stats.addresses.boot} />}</dd>
      <dt>Metrics</dt>
      <dd>
        <Copyable text={`${location.origin}/metrics`} />
        <p className={layout['small']}>
          For Prometheus, with a key of the installation as bearer token; without one where{' '}
          <code>http.openMetrics</code> is on.
        </p>
      </dd>
    </dl>
  </section>
);

const About = ({ stats }: { readonly stats: ServerStats }) => (
  <section className={layout['panel']} aria-label="Version">
    <h2>Version</h2>
    <dl className={layout['facts']}>
      <dt>Drover</dt>
      <dd className={layout['row']}>
        <Badge>{stats.version}</Badge>
      </dd>
      <dt>Runs since</dt>
      <dd>
        <Time at={stats.startedAt} />
      </dd>
      <dt>API</dt>
      <dd>
        <a href="/api/v2/openapi.json">openapi.json</a>
      </dd>
    </dl>
    <p className={layout['small']}>
      The figures below are kept in memory for an hour, one each {stats.intervalSeconds} seconds. NFS is served beside
      Drover and is not among them.
    </p>
  </section>
);

export const ServerPage = () => {
  const stats = useQuery(statsQuery);
  return (
    <div className={layout['page']}>
      <title>Server · Drover</title>
      <h1>Server</h1>
      {stats.isError && (
        <>
          <ProblemNotice error={stats.error} />
          <div>
            <Button onClick={() => void stats.refetch()}>Try again</Button>
          </div>
        </>
      )}
      {stats.isPending && <Progress label="Reading the figures" done={0} total={null} />}
      {stats.data !== undefined && (
        <>
          <div className={styles['now']}>
            <Checks checks={stats.data.checks} />
            <Places stats={stats.data} />
            <About stats={stats.data} />
          </div>
          {stats.data.at.length === 0 ? (
            <p className={layout['muted']}>The first figures come within {stats.data.intervalSeconds} seconds.</p>
          ) : (
            <div className={styles['plots']}>
              {plots.map((spec) => (
                <Plot key={spec.title} spec={spec} stats={stats.data} />
              ))}
            </div>
          )}
        </>
      )}
    </div>
  );
};
