import type { Device } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { client } from '../api/client.js';
import { queries } from '../api/queries.js';
import { deviceStore } from '../live/live.js';
import { Button } from '../ui/Button.js';
import { Dialog } from '../ui/Dialog.js';
import { SelectField, TextField } from '../ui/Field.js';
import { ProblemNotice } from '../ui/Notice.js';

interface Props {
  readonly device: Device;
  readonly onClose: (changed?: Device) => void;
}

/** Runs a change, shows why it was refused, and closes with what it answered. */
const useChange = (onClose: Props['onClose']) => {
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const run = async (change: () => Promise<Device>): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      const changed = await change();
      deviceStore.put(changed);
      onClose(changed);
    } catch (refused) {
      setError(refused);
      setBusy(false);
    }
  };
  return { error, isBusy, run };
};

const Footer = ({
  onCancel,
  button,
  isBusy,
  form,
}: {
  readonly onCancel: () => void;
  readonly button: string;
  readonly isBusy: boolean;
  readonly form: string;
}) => (
  <>
    <Button onClick={onCancel}>Cancel</Button>
    <Button kind="primary" type="submit" form={form} busy={isBusy}>
      {button}
    </Button>
  </>
);

const labelsText = (labels: Device['labels']): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');

const readLabels = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .split(/[,\s]+/)
      .filter(Boolean)
      .map((part) => {
        const at = part.indexOf('=');
        return at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)];
      }),
  );

export const NameDialog = ({ device, onClose }: Props) => {
  const [name, setName] = useState(device.name);
  const [labels, setLabels] = useState(labelsText(device.labels));
  const { error, isBusy, run } = useChange(onClose);
  const close = (): void => {
    onClose();
  };
  return (
    <Dialog
      title="Name and labels"
      onClose={close}
      footer={<Footer onCancel={close} button="Save" isBusy={isBusy} form="name-form" />}
    >
      <form
        id="name-form"
        style={{ display: 'contents' }}
        onSubmit={(event) => {
          event.preventDefault();
          const body = { name, labels: readLabels(labels) };
          void run(() => client.devices.update({ params: { ref: device.id }, body }, { ifMatch: device.etag }));
        }}
      >
        <TextField
          label="Name"
          value={name}
          required
          hint="Lower-case letters, digits and hyphens. It is the host name too, from the next boot on."
          onChange={(event) => {
            setName(event.target.value);
          }}
        />
        <TextField
          label="Labels"
          value={labels}
          placeholder="rack=a, role=sign"
          onChange={(event) => {
            setLabels(event.target.value);
          }}
        />
        {error !== undefined && <ProblemNotice error={error} />}
      </form>
    </Dialog>
  );
};

export const ReimageDialog = ({ device, onClose }: Props) => {
  const images = useQuery(queries.images);
  const ready = (images.data ?? []).filter(({ state }) => state === 'ready');
  const [image, setImage] = useState(device.assignment?.imageName ?? '');
  const { error, isBusy, run } = useChange(onClose);
  const close = (): void => {
    onClose();
  };
  return (
    <Dialog
      title={`Another image for ${device.name}`}
      onClose={close}
      footer={<Footer onCancel={close} button="Give it this image" isBusy={isBusy} form="reimage-form" />}
    >
      <form
        id="reimage-form"
        style={{ display: 'contents' }}
        onSubmit={(event) => {
          event.preventDefault();
          void run(() => client.devices.reimage({ params: { ref: device.id }, body: { image } }));
        }}
      >
        <p>
          It boots the image when it starts next. With root mode nbd it gets a new disk; what is on the old one is gone.
        </p>
        <SelectField
          label="Image"
          value={image}
          required
          options={[{ value: '', label: 'Choose one' }, ...ready.map(({ ref }) => ({ value: ref, label: ref }))]}
          onChange={(event) => {
            setImage(event.target.value);
          }}
        />
        {error !== undefined && <ProblemNotice error={error} />}
      </form>
    </Dialog>
  );
};

const spans: readonly (readonly [string, string])[] = [
  ['3600', 'An hour'],
  ['14400', 'Four hours'],
  ['86400', 'A day'],
  ['604800', 'A week'],
  ['', 'Until somebody releases it'],
];

export const LeaseDialog = ({ device, onClose }: Props) => {
  const [seconds, setSeconds] = useState('86400');
  const { error, isBusy, run } = useChange(onClose);
  const close = (): void => {
    onClose();
  };
  return (
    <Dialog
      title={`How long ${device.name} is kept`}
      onClose={close}
      footer={<Footer onCancel={close} button="Keep it" isBusy={isBusy} form="lease-form" />}
    >
      <form
        id="lease-form"
        style={{ display: 'contents' }}
        onSubmit={(event) => {
          event.preventDefault();
          const body = { ttlSeconds: seconds === '' ? null : Number(seconds) };
          void run(() => client.devices.lease({ params: { ref: device.id }, body }));
        }}
      >
        <SelectField
          label="From now on"
          value={seconds}
          hint="Then it is released by itself."
          options={spans.map(([value, label]) => ({ value, label }))}
          onChange={(event) => {
            setSeconds(event.target.value);
          }}
        />
        {error !== undefined && <ProblemNotice error={error} />}
      </form>
    </Dialog>
  );
};
