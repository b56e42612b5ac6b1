import type { BootSession, Device } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams, useSearch } from '@tanstack/react-router';
import { queries } from '../api/queries.js';
import { useKnownDevice } from '../live/hooks.js';
import { useMay } from '../session/principal.js';
import { EmptyState } from '../ui/EmptyState.js';
import { Icon } from '../ui/Icon.js';
import { Notice, ProblemNotice } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { DeviceStateDot, OutcomeDot } from '../ui/State.js';
import { Time } from '../ui/Time.js';
import { durationText } from '../ui/format.js';
import layout from '../ui/layout.module.css';
import { DeviceActions } from './DeviceActions.js';
import { DeviceFacts } from './DeviceFacts.js';
import { Timeline } from './Timeline.js';
import { useTimeline } from './use-timeline.js';

/** What a person waits for, or does next. */
const nextStep = (device: Device): string | undefined => {
  const hasPower = device.power !== null;
  switch (device.state) {
    case 'discovered':
      return 'Seen on the network, and trusted with nothing yet. Adopt it to give it an image.';
    case 'available':
      return 'Ready for an image.';
    case 'preparing':
      return device.stateReason ?? 'What it boots is being made ready.';
    case 'in-use':
      if (device.upGeneration === device.assignment?.generation) return undefined;
      return hasPower
        ? 'Its image is ready; it boots it when it starts next.'
        : 'Its image is ready. Unplug the board and plug it in again: it boots it now.';
    case 'releasing':
      return device.stateReason ?? 'Being released.';
    case 'failed':
      return undefined;
  }
};

const useBoots = (device: string, wanted: string | undefined) => {
  const sessions = useQuery(queries.sessionsOf(device));
  const last = sessions.data?.[0];
  const other = useQuery({ ...queries.session(wanted ?? ''), enabled: wanted !== undefined });
  const shown = wanted === undefined ? last : (sessions.data?.find(({ id }) => id === wanted) ?? other.data);
  return { sessions: sessions.data ?? [], shown, isLoading: sessions.isPending };
};

const Boots = ({
  sessions,
  shown,
  device,
}: {
  readonly sessions: readonly BootSession[];
  readonly shown: string;
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
            aria-current={session.id === shown ? 'true' : undefined}
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

const Known = ({ device, session }: { readonly device: Device; readonly session: string | undefined }) => {
  const { sessions, shown, isLoading } = useBoots(device.id, session);
  const mayChange = useMay('operator');
  const next = nextStep(device);
  return (
    <div className={layout['page']}>
      <title>{`${device.name} · Drover`}</title>
      <div className={layout['stack']}>
        <Link to="/" className={layout['back']}>
          <Icon name="back" size={14} />
          Fleet
        </Link>
        <div className={layout['head']}>
          <div className={layout['row']}>
            <h1>{device.name}</h1>
            <DeviceStateDot state={device.state} />
          </div>
          {mayChange && <DeviceActions device={device} />}
        </div>
        {device.state === 'failed' && (
          <Notice tone="bad" title={device.stateReason ?? 'This board failed.'}>
            <p>Give it another image, or release it.</p>
          </Notice>
        )}
        {next !== undefined && <p className={layout['muted']}>{next}</p>}
      </div>
      <div className={layout['columns']}>
        {shown === undefined ? (
          <section className={layout['panel']} aria-label="Timeline">
            {isLoading ? (
              <Progress label="Reading the boots" done={0} total={null} />
            ) : (
              <EmptyState icon="power" title="It did not boot from here yet">
                Switch it on, and each step of its boot appears here.
              </EmptyState>
            )}
          </section>
        ) : (
          <BootPanel key={shown.id} session={shown} isLast={shown.id === sessions[0]?.id} />
        )}
        <div className={layout['stack']}>
          <DeviceFacts device={device} />
          {sessions.length > 0 && <Boots sessions={sessions} shown={shown?.id ?? ''} device={device.name} />}
        </div>
      </div>
    </div>
  );
};

export const DevicePage = () => {
  const { ref } = useParams({ from: '/devices/$ref' });
  const { session } = useSearch({ from: '/devices/$ref' });
  const known = useKnownDevice(ref);
  const asked = useQuery({ ...queries.device(ref), enabled: known === undefined });
  const device = known ?? asked.data;
  if (device !== undefined) return <Known device={device} session={session} />;
  return (
    <div className={layout['page']}>
      <title>Board · Drover</title>
      <h1>{ref}</h1>
      {asked.isError ? (
        <ProblemNotice error={asked.error} />
      ) : (
        <Progress label="Reading the board" done={0} total={null} />
      )}
    </div>
  );
};
