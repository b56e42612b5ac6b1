import type { BootSession } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { queries } from '../api/queries.js';
import { EmptyState } from '../ui/EmptyState.js';
import { ProblemNotice } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { OutcomeDot } from '../ui/State.js';
import { Time } from '../ui/Time.js';
import { durationText } from '../ui/format.js';
import layout from '../ui/layout.module.css';
import { Timeline } from './Timeline.js';
import { useTimeline } from './use-timeline.js';

/** The boots of a board, newest first, and the one that is looked at. */
export interface Boots {
  readonly sessions: readonly BootSession[];
  /** The last one, unless the address names another; undefined: there is none, or it is not read yet. */
  readonly shown: BootSession | undefined;
  readonly isLoading: boolean;
}

export const useBoots = (device: string, wanted: string | undefined): Boots => {
  const sessions = useQuery(queries.sessionsOf(device));
  const last = sessions.data?.[0];
  const other = useQuery({ ...queries.session(wanted ?? ''), enabled: wanted !== undefined });
  const shown = wanted === undefined ? last : (sessions.data?.find(({ id }) => id === wanted) ?? other.data);
  return { sessions: sessions.data ?? [], shown, isLoading: sessions.isPending };
};

export const BootList = ({
  boots: { sessions, shown },
  device,
}: {
  readonly boots: Boots;
  readonly device: string;
}) => (
  <section className={layout['panel']} aria-label="Boots">
    <h2>Boots</h2>
    <ul className={layout['stack']}>
      {sessions.map((session, index) => (
        <li key={session.id} className={layout['row']}>
          <OutcomeDot outcome={session.outcome} />
          <Link
            to="/devices/$ref"
            params={{ ref: device }}
            search={index === 0 ? {} : { session: session.id }}
            aria-current={session.id === shown?.id ? 'true' : undefined}
          >
            <Time at={session.startedAt} />
          </Link>
          <span className={layout['small']}>
            {session.upAt === null
              ? session.stage
              : `up after ${durationText(Date.parse(session.upAt) - Date.parse(session.startedAt))}`}
          </span>
        </li>
      ))}
    </ul>
  </section>
);

const BootPanel = ({ session, isLast }: { readonly session: BootSession; readonly isLast: boolean }) => {
  const { items, isLoaded, error } = useTimeline(session.id, session.endedAt === null);
  return (
    <section className={layout['panel']} aria-label="Timeline">
      <div className={layout['head']}>
        <h2>{isLast ? 'Last boot' : 'Earlier boot'}</h2>
        <span className={layout['row']}>
          <OutcomeDot outcome={session.outcome} />
          <span className={layout['small']}>
            began <Time at={session.startedAt} />
          </span>
        </span>
      </div>
      {error !== undefined && <ProblemNotice error={error} />}
      {!isLoaded && items.length === 0 && error === undefined ? (
        <Progress label="Reading the timeline" done={0} total={null} />
      ) : (
        <Timeline session={session} items={items} />
      )}
    </section>
  );
};

/** The boot that is looked at, as it happens. */
export const BootTab = ({ boots }: { readonly boots: Boots }) => {
  const { sessions, shown, isLoading } = boots;
  if (shown !== undefined) {
    return <BootPanel key={shown.id} session={shown} isLast={shown.id === sessions[0]?.id} />;
  }
  return (
    <section className={layout['panel']} aria-label="Timeline">
      {isLoading ? (
        <Progress label="Reading the boots" done={0} total={null} />
      ) : (
        <EmptyState icon="power" title="It did not boot from here yet">
          Switch it on, and each step of its boot appears here.
        </EmptyState>
      )}
    </section>
  );
};
