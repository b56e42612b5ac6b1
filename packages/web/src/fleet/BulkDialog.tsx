import type { Device } from '@drover/contract';
import { useState, type ReactNode } from 'react';
import { Button } from '../ui/Button.js';
import { Dialog } from '../ui/Dialog.js';
import { SelectField, TextField } from '../ui/Field.js';
import { countText } from '../ui/format.js';
import { Icon } from '../ui/Icon.js';
import { Notice } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { sortOut, type BulkAction } from './actions.js';
import { doToAll, readLabelChanges, works, type BulkOutcome, type BulkWork } from './bulk-work.js';
import styles from './fleet.module.css';

/** What will happen, said before it does. */
export const actionTexts: Readonly<
  Record<
    Exclude<BulkAction, 'provision'>,
    { readonly title: string; readonly button: string; readonly text: string; readonly danger?: boolean }
  >
> = {
  adopt: { title: 'Adopt', button: 'Adopt', text: 'They become boards of your tenant, and can be given an image.' },
  release: {
    title: 'Release',
    button: 'Release',
    danger: true,
    text: 'They lose their image, are switched off where the server can do that, and are available to everybody of the tenant.',
  },
  on: { title: 'Switch on', button: 'Switch on', text: 'They get power, and boot what they have.' },
  off: {
    title: 'Switch off',
    button: 'Switch off',
    danger: true,
    text: 'They lose power at once, without being shut down.',
  },
  cycle: {
    title: 'Switch off and on',
    button: 'Switch off and on',
    danger: true,
    text: 'They lose power at once, and start again a second later.',
  },
  label: { title: 'Label', button: 'Set labels', text: 'Other labels stay as they are.' },
  delete: {
    title: 'Forget',
    button: 'Forget',
    danger: true,
    text: 'Drover forgets them, with their identities and host keys. One that is seen again is discovered anew.',
  },
};

const names = (devices: readonly Device[]): string => {
  const shown = devices.slice(0, 6).map(({ name }) => name);
  const rest = devices.length - shown.length;
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ');
};

const Outcomes = ({ outcomes, total }: { readonly outcomes: readonly BulkOutcome[]; readonly total: number }) => {
  const failed = outcomes.filter(({ isDone }) => !isDone).length;
  return (
    <>
      <Progress
        label="Boards done"
        done={outcomes.length}
        total={total}
        text={`${outcomes.length} of ${total} done${failed > 0 ? `, ${failed} refused` : ''}`}
      />
      <ul className={styles['outcomes']}>
        {[...outcomes]
          .sort((a, b) => Number(a.isDone) - Number(b.isDone))
          .map(({ name, isDone, text }) => (
            <li key={name} data-tone={isDone ? 'ok' : 'bad'}>
              <Icon name={isDone ? 'check' : 'error'} />
              <strong>{name}</strong>
              <span>{isDone ? text || 'Done' : text}</span>
            </li>
          ))}
      </ul>
    </>
  );
};

type Simple = Exclude<BulkAction, 'provision'>;

const useOptions = (action: Simple): { readonly fields: ReactNode; readonly work: BulkWork | undefined } => {
  const [disk, setDisk] = useState<'wipe' | 'keep'>('wipe');
  const [labels, setLabels] = useState('');
  switch (action) {
    case 'release':
      return {
        fields: (
          <SelectField
            label="Disks of root mode nbd"
            value={disk}
            options={[
              { value: 'wipe', label: 'Delete them with what is on them' },
              { value: 'keep', label: 'Keep them as disks of the tenant' },
            ]}
            onChange={(event) => {
              setDisk(event.target.value === 'keep' ? 'keep' : 'wipe');
            }}
          />
        ),
        work: works.release(disk),
      };
    case 'label': {
      const changes = readLabelChanges(labels);
      return {
        fields: (
          <TextField
            label="Labels"
            value={labels}
            placeholder="rack=a role=sign -old"
            hint="key=value sets a label, -key takes it away."
            error={labels !== '' && changes === undefined ? 'Write it like rack=a, or -rack' : undefined}
            onChange={(event) => {
              setLabels(event.target.value);
            }}
          />
        ),
        work: changes === undefined ? undefined : works.label(changes),
      };
    }
    case 'on':
    case 'off':
    case 'cycle':
      return { fields: null, work: works.power(action) };
    case 'adopt':
      return { fields: null, work: works.adopt() };
    case 'delete':
      return { fields: null, work: works.delete() };
  }
};

/** Asks before something is done to boards, does it, and shows what became of each. */
export const BulkDialog = ({
  action,
  devices,
  onClose,
}: {
  readonly action: Simple;
  readonly devices: readonly Device[];
  readonly onClose: (isDone: boolean) => void;
}) => {
  // What is asked for stays the same while it is done, however the boards change meanwhile.
  const [{ fit, unfit }] = useState(() => sortOut(action, devices));
  const [outcomes, setOutcomes] = useState<readonly BulkOutcome[]>();
  const [isBusy, setBusy] = useState(false);
  const { fields, work } = useOptions(action);
  const { title, button, text, danger } = actionTexts[action];
  const run = async (): Promise<void> => {
    if (work === undefined) return;
    setBusy(true);
    setOutcomes([]);
    await doToAll(fit, work, (outcome) => {
      setOutcomes((now) => [...(now ?? []), outcome]);
    });
    setBusy(false);
  };
  const count = fit.length === 1 ? (fit[0]?.name ?? '') : countText(fit.length, 'board');
  return (
    <Dialog
      title={`${title} ${count}`}
      onClose={() => {
        onClose(outcomes !== undefined);
      }}
      footer={
        outcomes === undefined ? (
          <>
            <Button
              onClick={() => {
                onClose(false);
              }}
            >
              Cancel
            </Button>
            <Button
              kind={danger === true ? 'danger' : 'primary'}
              disabled={fit.length === 0 || work === undefined}
              onClick={() => void run()}
            >
              {`${button} ${count}`}
            </Button>
          </>
        ) : (
          <Button
            kind="primary"
            busy={isBusy}
            onClick={() => {
              onClose(true);
            }}
          >
            Close
          </Button>
        )
      }
    >
      {outcomes === undefined ? (
        <>
          {fit.length > 0 && (
            <p>
              <strong>{names(fit)}.</strong> {text}
            </p>
          )}
          {fields}
          {unfit.length > 0 && (
            <Notice tone="warn" title={`Left alone: ${countText(unfit.length, 'board')}`}>
              {unfit.slice(0, 5).map(({ device, reason }) => (
                <p key={device.id}>
                  {device.name} {reason}.
                </p>
              ))}
              {unfit.length > 5 && <p>and {unfit.length - 5} more.</p>}
            </Notice>
          )}
        </>
      ) : (
        <Outcomes outcomes={outcomes} total={fit.length} />
      )}
    </Dialog>
  );
};
