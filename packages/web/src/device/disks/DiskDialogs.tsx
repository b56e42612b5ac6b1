import type { Device, Disk, DiskAccess } from '@drover/contract';
import { useState } from 'react';
import { client } from '../../api/client.js';
import { CheckField, SelectField, TextField } from '../../ui/Field.js';
import { bytesText } from '../../ui/format.js';
import { FormDialog } from '../../ui/FormDialog.js';
import { Notice } from '../../ui/Notice.js';
import { makeDisk, nameHint } from './make-disk.js';
import { sizeOf, whyNoDisk } from './model.js';
import { readDisksAnew } from './queries.js';

interface Props {
  readonly onClose: () => void;
}

const accesses = [
  { value: 'read-write', label: 'Read and write: this board alone' },
  { value: 'read-only', label: 'Read only: any number of boards' },
];
const readAccess = (value: string): DiskAccess => (value === 'read-only' ? 'read-only' : 'read-write');

const AccessField = ({
  value,
  onChange,
}: {
  readonly value: DiskAccess;
  readonly onChange: (value: DiskAccess) => void;
}) => (
  <SelectField
    label="Access"
    value={value}
    options={accesses}
    onChange={(event) => {
      onChange(readAccess(event.target.value));
    }}
  />
);

export const NewDiskDialog = ({ device, onClose }: Props & { readonly device: Device }) => {
  const reason = whyNoDisk(device);
  const [name, setName] = useState('');
  const [size, setSize] = useState('8');
  const [attaches, setAttaches] = useState(reason === undefined);
  const bytes = sizeOf(size);
  return (
    <FormDialog
      title="New disk"
      button="Make it"
      disabled={bytes === undefined}
      onClose={onClose}
      onSubmit={() => {
        const body = { ...(name === '' ? {} : { name }), ...(bytes === undefined ? {} : { size: bytes }) };
        return makeDisk(body, attaches ? device : undefined, 'read-write');
      }}
    >
      <p>An empty disk takes no room on the server but for what is written to it.</p>
      <TextField
        label="Name"
        value={name}
        placeholder="media"
        hint={nameHint}
        onChange={(event) => {
          setName(event.target.value.trim());
        }}
      />
      <TextField
        label="Size, in GB"
        inputMode="decimal"
        value={size}
        required
        error={bytes === undefined ? 'Write a number of GB, like 8 or 0.5.' : undefined}
        onChange={(event) => {
          setSize(event.target.value);
        }}
      />
      {reason === undefined ? (
        <CheckField
          label={`Attach it to ${device.name}`}
          checked={attaches}
          onChange={(event) => {
            setAttaches(event.target.checked);
          }}
        />
      ) : (
        <Notice tone="info" title="It is made, and attached to nothing.">
          {reason}
        </Notice>
      )}
    </FormDialog>
  );
};

export const AttachDialog = ({ device, disk, onClose }: Props & { readonly device: Device; readonly disk: Disk }) => {
  const isShared = disk.attachments.length > 0;
  const [access, setAccess] = useState<DiskAccess>(isShared ? 'read-only' : 'read-write');
  return (
    <FormDialog
      title={`Attach ${disk.name} to ${device.name}`}
      button="Attach it"
      onClose={onClose}
      onSubmit={async () => {
        await client.disks.attach({ params: { ref: disk.id }, body: { device: device.id, access } });
        readDisksAnew();
      }}
    >
      <p>A board that is up gets it at once, another one when it boots next.</p>
      {isShared ? (
        <p>Other boards read it, so this one can only read it too.</p>
      ) : (
        <AccessField value={access} onChange={setAccess} />
      )}
    </FormDialog>
  );
};

export const DetachDialog = ({ device, disk, onClose }: Props & { readonly device: Device; readonly disk: Disk }) => {
  const [force, setForce] = useState(false);
  return (
    <FormDialog
      title={`Detach ${disk.name} from ${device.name}`}
      button="Detach it"
      danger
      onClose={onClose}
      onSubmit={async () => {
        await client.disks.detach({ params: { ref: disk.id }, body: { device: device.id, force } });
        readDisksAnew();
      }}
    >
      <p>
        The board is asked to let go of it first. When it is mounted there, it stays, and the disk says so here: unmount
        it and try again. What is on the disk stays in any case.
      </p>
      <CheckField
        label="Do not ask the board"
        hint="What the board has not written yet is lost."
        checked={force}
        onChange={(event) => {
          setForce(event.target.checked);
        }}
      />
    </FormDialog>
  );
};

export const ResizeDialog = ({ disk, onClose }: Props & { readonly disk: Disk }) => {
  const [size, setSize] = useState('');
  const bytes = sizeOf(size);
  const isLarger = bytes !== undefined && bytes > disk.size;
  return (
    <FormDialog
      title={`Make ${disk.name} larger`}
      button="Make it larger"
      disabled={!isLarger}
      onClose={onClose}
      onSubmit={async () => {
        if (bytes === undefined) return;
        await client.disks.update({ params: { ref: disk.id }, body: { size: bytes } }, { ifMatch: disk.etag });
        readDisksAnew();
      }}
    >
      <p>
        It has {bytesText(disk.size)} now. The board sees the new size after its next boot.{' '}
        {disk.role === 'root'
          ? 'The last partition and its file system grow then by themselves.'
          : 'Partitions and file systems on it are yours to grow.'}
      </p>
      <TextField
        label="Size, in GB"
        inputMode="decimal"
        value={size}
        required
        error={size !== '' && !isLarger ? `Write a number of GB above ${(disk.size / 1e9).toFixed(1)}.` : undefined}
        onChange={(event) => {
          setSize(event.target.value);
        }}
      />
    </FormDialog>
  );
};

export const DeleteDiskDialog = ({ disk, onClose }: Props & { readonly disk: Disk }) => {
  const [snapshots, setSnapshots] = useState(false);
  return (
    <FormDialog
      title={`Delete ${disk.name}`}
      button="Delete the disk"
      danger
      onClose={onClose}
      onSubmit={async () => {
        const query = { snapshots: snapshots ? ('true' as const) : ('false' as const) };
        await client.disks.delete({ params: { ref: disk.id }, query });
        readDisksAnew();
      }}
    >
      <p>What is on it is gone for good.</p>
      <CheckField
        label="Its snapshots too"
        hint="Without this, a disk that has snapshots is not deleted."
        checked={snapshots}
        onChange={(event) => {
          setSnapshots(event.target.checked);
        }}
      />
    </FormDialog>
  );
};
