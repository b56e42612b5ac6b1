import type { Device } from '@drover/contract';
import { DroverError } from '@drover/sdk';
import { queryOptions, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { client } from '../api/client.js';
import { queryClient } from '../api/queries.js';
import { useMay } from '../session/principal.js';
import { Button } from '../ui/Button.js';
import { FormDialog } from '../ui/FormDialog.js';
import { Notice, ProblemNotice } from '../ui/Notice.js';
import layout from '../ui/layout.module.css';
import { FirstBootFields } from './FirstBootFields.js';
import { firstBootFacts, noFirstBoot, readFirstBoot, type TypedFirstBoot } from './model.js';

/** What is kept for a board; null: nothing. */
const firstBootOf = (device: string) =>
  queryOptions({
    queryKey: ['devices', device, 'first-boot'],
    queryFn: async ({ signal }) => {
      try {
        return await client.firstBoot.get({ params: { ref: device } }, { signal });
      } catch (error) {
        if (error instanceof DroverError && error.code === 'first-boot.not-found') return null;
        throw error;
      }
    },
  });

interface Props {
  readonly device: Device;
  readonly onClose: () => void;
}

const readAnew = (device: Device): void => {
  void queryClient.invalidateQueries({ queryKey: firstBootOf(device.id).queryKey });
};

const SetDialog = ({ device, onClose }: Props) => {
  const [typed, setTyped] = useState<TypedFirstBoot>({ ...noFirstBoot, form: 'fields' });
  const read = readFirstBoot(typed);
  return (
    <FormDialog
      title={`First-boot settings of ${device.name}`}
      button="Save"
      wide
      disabled={!read.ok}
      onClose={onClose}
      onSubmit={async () => {
        if (!read.ok || read.put === undefined) return;
        await client.firstBoot.put({ params: { ref: device.id }, body: read.put });
        readAnew(device);
      }}
    >
      <p>They take the place of all that were there, from its next boot on, and go with its release.</p>
      <FirstBootFields
        typed={typed}
        change={(part) => {
          setTyped((now) => ({ ...now, ...part }));
        }}
      />
      {!read.ok && <p className={layout['muted']}>{read.problem}</p>}
    </FormDialog>
  );
};

const ClearDialog = ({ device, onClose }: Props) => (
  <FormDialog
    title={`No first-boot settings for ${device.name}`}
    button="Take them away"
    danger
    onClose={onClose}
    onSubmit={async () => {
      await client.firstBoot.delete({ params: { ref: device.id } });
      readAnew(device);
    }}
  >
    <p>From its next boot on it has the host name of the board, and the users that its image has.</p>
  </FormDialog>
);

/** Host name, users, keys and time zone that a board gets when it boots. */
export const FirstBootPanel = ({ device }: { readonly device: Device }) => {
  const kept = useQuery(firstBootOf(device.id));
  const may = useMay('operator');
  const [open, setOpen] = useState<'set' | 'clear'>();
  const close = (): void => {
    setOpen(undefined);
  };
  const canSet = may && device.assignment !== null;
  return (
    <section className={layout['panel']} aria-label="First-boot settings">
      <div className={layout['head']}>
        <h2>First-boot settings</h2>
        {canSet && kept.data !== undefined && (
          <div className={layout['actions']}>
            <Button
              small
              onClick={() => {
                setOpen('set');
              }}
            >
              {kept.data === null ? 'Set' : 'Replace'}
            </Button>
            {kept.data !== null && (
              <Button
                small
                kind="danger"
                onClick={() => {
                  setOpen('clear');
                }}
              >
                Clear
              </Button>
            )}
          </div>
        )}
      </div>
      {kept.isError && <ProblemNotice error={kept.error} />}
      {kept.data === null && (
        <p className={layout['muted']}>
          {device.assignment === null
            ? 'They come with an image, and go with its release.'
            : 'None: host name of the board, and users of the image.'}
        </p>
      )}
      {kept.data != null && (
        <dl className={layout['facts']}>
          {firstBootFacts(kept.data).flatMap(([name, text], index) => [
            <dt key={`${index} ${name}`}>{name}</dt>,
            <dd key={`${index} ${text}`}>{text}</dd>,
          ])}
        </dl>
      )}
      {kept.data != null && kept.data.warnings.length > 0 && (
        <Notice tone="warn" title="Not all of it was taken over">
          {kept.data.warnings.map((line) => (
            <p key={line}>{line}</p>
          ))}
        </Notice>
      )}
      {open === 'set' && <SetDialog device={device} onClose={close} />}
      {open === 'clear' && <ClearDialog device={device} onClose={close} />}
    </section>
  );
};
