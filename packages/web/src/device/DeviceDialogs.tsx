import type { Device } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { client } from '../api/client.js';
import { queries } from '../api/queries.js';
import { deviceStore } from '../live/live.js';
import { SelectField, TextField } from '../ui/Field.js';
import { FormDialog } from '../ui/FormDialog.js';

interface Props {
  readonly device: Device;
  readonly onClose: () => void;
}

/** Does a change, and shows its board as it is then. */
const change = async (changing: Promise<Device>): Promise<void> => {
  deviceStore.put(await changing);
};

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
  return (
    <FormDialog
      title="Name and labels"
      button="Save"
      filledFrom={[device.name, device.labels]}
      onClose={onClose}
      onSubmit={() => {
        const body = { name, labels: readLabels(labels) };
        return change(client.devices.update({ params: { ref: device.id }, body }, { ifMatch: device.etag }));
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
    </FormDialog>
  );
};

export const ReimageDialog = ({ device, onClose }: Props) => {
  const images = useQuery(queries.images);
  const ready = (images.data ?? []).filter(({ state }) => state === 'ready');
  const [image, setImage] = useState(device.assignment?.imageName ?? '');
  return (
    <FormDialog
      title={`Another image for ${device.name}`}
      button="Give it this image"
      onClose={onClose}
      onSubmit={() => {
        return change(client.devices.reimage({ params: { ref: device.id }, body: { image } }));
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
    </FormDialog>
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
  return (
    <FormDialog
      title={`How long ${device.name} is kept`}
      button="Keep it"
      onClose={onClose}
      onSubmit={() => {
        const body = { ttlSeconds: seconds === '' ? null : Number(seconds) };
        return change(client.devices.lease({ params: { ref: device.id }, body }));
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
    </FormDialog>
  );
};
