import type { BootSession, TimelineItem } from '@drover/contract';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { bytesText, countText, durationText } from '../ui/format.js';
import { Icon } from '../ui/Icon.js';
import { Notice } from '../ui/Notice.js';
import { timelineModel, type StageModel, type StageState, type TimelineRow } from './timeline-model.js';
import layout from '../ui/layout.module.css';
import styles from './timeline.module.css';

const stateWords: Readonly<Record<StageState, string>> = {
  done: 'done',
  now: 'under way',
  failed: 'not finished',
  waiting: 'to come',
  skipped: 'not needed',
};

const Mark = ({ state }: { readonly state: StageState }) => (
  <span className={styles['mark']} data-state={state}>
    {state === 'done' && <Icon name="check" size={14} />}
    {state === 'failed' && <Icon name="close" size={14} />}
  </span>
);

const Row = ({ row, from }: { readonly row: TimelineRow; readonly from: number }) => (
  <li
    className={styles['row']}
    data-tone={row.tone}
    data-running={row.isRunning || undefined}
    data-wide={row.size === undefined || undefined}
  >
    <span className={styles['at']} title={new Date(row.at).toLocaleString()}>
      +{durationText(Math.max(0, row.at - from))}
    </span>
    <span className={styles['what']}>
      {row.tone === 'bad' && <Icon name="error" size={15} />}
      {row.tone === 'warn' && <Icon name="warning" size={15} />}
      <span>
        {row.title}
        {row.isRunning && <span className={styles['running']}> …</span>}
        {row.detail !== undefined && <span className={styles['detail']}>{row.detail}</span>}
      </span>
    </span>
    {row.size !== undefined && (
      <>
        <span className={styles['size']}>{row.size}</span>
        <span className={styles['speed']}>{row.speed}</span>
      </>
    )}
    <span className={styles['took']}>{row.took}</span>
  </li>
);

const Stage = ({ stage, from }: { readonly stage: StageModel; readonly from: number }) => (
  <li className={styles['stage']} data-state={stage.state} data-stage={stage.stage}>
    <Mark state={stage.state} />
    <div className={styles['stageBody']}>
      <div className={styles['stageHead']}>
        <h3>{stage.name}</h3>
        <span className={styles['stageState']}>
          {stage.ms !== undefined && stage.state === 'done' ? durationText(stage.ms) : stateWords[stage.state]}
        </span>
      </div>
      {stage.rows.length > 0 && (
        <ul>
          {stage.rows.map((row) => (
            <Row key={row.key} row={row} from={from} />
          ))}
        </ul>
      )}
      {stage.folded.length > 0 && (
        <details className={styles['folded']}>
          <summary>
            {countText(stage.folded.length, 'request')} of no consequence: probes, and files that need not be there
          </summary>
          <ul>
            {stage.folded.map((row) => (
              <Row key={row.key} row={row} from={from} />
            ))}
          </ul>
        </details>
      )}
    </div>
  </li>
);

export const VerdictNotice = ({ session }: { readonly session: BootSession }) =>
  session.verdict === null ? null : (
    <Notice tone="bad" title={session.verdict.message}>
      <p>
        <strong>What to do:</strong> {session.verdict.remedy}
      </p>
      <p>
        Is it the network? <Link to="/doctor">See what the doctor says</Link>.
      </p>
    </Notice>
  );

/** One boot from its first packet to "up", as it happens. */
export const Timeline = ({
  session,
  items,
}: {
  readonly session: BootSession;
  readonly items: readonly TimelineItem[];
}) => {
  const { stages, logs, files, bytes } = useMemo(() => timelineModel(items, session), [items, session]);
  const from = Date.parse(session.startedAt);
  return (
    <div className={layout['stack']}>
      <VerdictNotice session={session} />
      <ol className={styles['stages']}>
        {stages.map((stage) => (
          <Stage key={stage.stage} stage={stage} from={from} />
        ))}
      </ol>
      <p className={layout['small']}>
        {countText(files, 'file')} sent, {bytesText(bytes)} in all
        {session.upAt !== null && `; up after ${durationText(Date.parse(session.upAt) - from)}`}
      </p>
      {logs.length > 0 && (
        <details className={styles['console']} open={session.outcome === 'failed'}>
          <summary>Console log ({countText(logs.length, 'piece')})</summary>
          <pre className={layout['log']} tabIndex={0} role="region" aria-label="Console log">
            {logs.map(({ source, text }) => `— ${source} —\n${text.trimEnd()}\n`).join('\n')}
          </pre>
        </details>
      )}
    </div>
  );
};
