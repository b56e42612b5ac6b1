import type { Device, DevicePower, Job, PowerAction } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { client } from '../../api/client.js';
import { queryClient } from '../../api/queries.js';
import { eventText } from '../../events/words.js';
import { BulkDialog } from '../../fleet/BulkDialog.js';
import { JobActions, JobError, JobProgress } from '../../jobs/JobParts.js';
import { useMay } from '../../session/principal.js';
import { Button } from '../../ui/Button.js';
import { Notice, ProblemNotice, textOfError } from '../../ui/Notice.js';
import { StateDot } from '../../ui/State.js';
import { Time } from '../../ui/Time.js';
import { useToast } from '../../ui/Toast.js';
import layout from '../../ui/layout.module.css';
import { lastJobAbout } from '../disks/queries.js';
import { isInUse, powerLooks, powerTexts } from './model.js';
import { powerDrivers, powerEvents } from './queries.js';
import { SupplyDialog } from './SupplyDialog.js';
import styles from './power.module.css';

type Switch = Exclude<PowerAction, 'query'>;

const buttons: readonly (readonly [PowerAction, string])[] = [
  ['on', 'Switch on'],
  ['off', 'Switch off'],
  ['cycle', 'Off and on'],
  ['query', 'Ask the driver'],
];

/** Switches a board: at once, or after a question where somebody works with it. */
const Switches = ({ device, canQuery }: { readonly device: Device; readonly canQuery: boolean }) => {
  const [asked, setAsked] = useState<Switch>();
  const [busy, setBusy] = useState<PowerAction>();
  const say = useToast();
  const run = async (action: PowerAction): Promise<void> => {
    setBusy(action);
    try {
      await client.devices.power({ params: { ref: device.id }, body: { action } });
      void queryClient.invalidateQueries({ queryKey: ['jobs'] });
    } catch (error) {
      say(textOfError(error), 'bad');
    }
    setBusy(undefined);
  };
  return (
    <div className={layout['actions']}>
      {buttons
        .filter(([action]) => action !== 'query' || canQuery)
        .map(([action, label]) => (
          <Button
            key={action}
            busy={busy === action}
            onClick={() => {
              if (isInUse(device) && (action === 'off' || action === 'cycle')) setAsked(action);
              else void run(action);
            }}
          >
            {label}
          </Button>
        ))}
      {asked !== undefined && (
        <BulkDialog
          action={asked}
          devices={[device]}
          onClose={() => {
            setAsked(undefined);
            void queryClient.invalidateQueries({ queryKey: ['jobs'] });
          }}
        />
      )}
    </div>
  );
};

const answerOf = ({ result }: Job): string | undefined =>
  typeof result?.['state'] === 'string' ? `The driver says: ${result['state']}` : undefined;

/** What is being switched, or what became of the last switch. */
const Work = ({ device }: { readonly device: Device }) => {
  const { data: job } = useQuery(lastJobAbout(device.id, 'device.power'));
  if (job == null) return null;
  const answer = answerOf(job);
  return (
    <div className={styles['work']} role="status">
      {job.endedAt === null ? (
        <JobProgress job={job} />
      ) : job.error === null ? (
        <p className={layout['small']}>
          {answer ?? 'The last switch was carried out'} (<Time at={job.endedAt} />)
        </p>
      ) : (
        <JobError error={job.error} />
      )}
      <JobActions job={job} />
    </div>
  );
};

const Facts = ({ power }: { readonly power: DevicePower }) => (
  <dl className={layout['facts']}>
    <dt>State</dt>
    <dd>
      <StateDot look={powerLooks[power.state]} />
      <p className={layout['small']}>
        {powerTexts[power.state]}
        {power.stateSince !== null && (
          <>
            {' Since '}
            <Time at={power.stateSince} />.
          </>
        )}
      </p>
    </dd>
    {power.wanted !== null && (
      <>
        <dt>Wanted</dt>
        <dd>{power.wanted}</dd>
      </>
    )}
    <dt>Driver</dt>
    <dd>{power.driver}</dd>
    {Object.entries(power.values).map(([name, value]) => (
      <div key={name} className={styles['value']}>
        <dt>{name}</dt>
        <dd>
          <code>{value}</code>
        </dd>
      </div>
    ))}
  </dl>
);

const Now = ({ device }: { readonly device: Device }) => {
  const { power } = device;
  const [isSetting, setSetting] = useState(false);
  const drivers = useQuery(powerDrivers);
  const [mayOperate, mayAdmin] = [useMay('operator'), useMay('admin')];
  const known = drivers.data ?? [];
  const canQuery = known.find(({ name }) => name === power?.driver)?.canQuery === true;
  const canSet = mayAdmin && device.state !== 'discovered' && known.length > 0;
  return (
    <section className={layout['panel']} aria-label="Power">
      <div className={layout['head']}>
        <h2>Power</h2>
        {canSet && (
          <Button
            small
            onClick={() => {
              setSetting(true);
            }}
          >
            {power === null ? 'Say what switches it' : 'Change'}
          </Button>
        )}
      </div>
      {power === null ? (
        <Notice tone="info" title="Only hands can switch it">
          <p>
            {known.length === 0
              ? 'The settings of the server name no power driver. With one, for a switch with PoE, plugs or a program, Drover switches boards by itself: see “Power with PoE, plugs or programs” in the documentation.'
              : `An admin says which driver it hangs on, and at which place. There are: ${known.map(({ name }) => name).join(', ')}.`}
          </p>
        </Notice>
      ) : (
        <>
          {power.failure !== null && <Notice tone="bad" title={power.failure} />}
          <Facts power={power} />
          {mayOperate && <Switches device={device} canQuery={canQuery} />}
          <Work device={device} />
        </>
      )}
      {drivers.isError && <ProblemNotice error={drivers.error} />}
      {isSetting && (
        <SupplyDialog
          device={device}
          drivers={known}
          onClose={() => {
            setSetting(false);
          }}
        />
      )}
    </section>
  );
};

const forms = { ok: 'full', bad: 'cross', plain: 'ring' } as const;

const History = ({ device }: { readonly device: Device }) => {
  const events = useQuery(powerEvents(device.id));
  return (
    <section className={layout['panel']} aria-label="Last switches">
      <h2>Last switches</h2>
      {events.isError && <ProblemNotice error={events.error} />}
      {events.data?.length === 0 && <p className={layout['muted']}>Nothing was switched yet.</p>}
      <ul className={layout['stack']}>
        {(events.data ?? []).map((event) => {
          const { title, detail, tone } = eventText(event);
          return (
            <li key={event.id} className={styles['event']}>
              <span className={layout['small']}>
                <Time at={event.at} />
              </span>
              <StateDot look={{ tone, form: forms[tone], label: title }} />
              {detail !== undefined && <span className={layout['muted']}>{detail}</span>}
            </li>
          );
        })}
      </ul>
    </section>
  );
};

/** Whether a board has power, what switches it, and what was switched. */
export const PowerTab = ({ device }: { readonly device: Device }) => (
  <>
    <Now device={device} />
    <History device={device} />
  </>
);
