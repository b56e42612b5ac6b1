import type { Device, Disk, DiskAccess, DiskSnapshot } from '@drover/contract';
import { useState } from 'react';
import { client } from '../../api/client.js';
import { CheckField, SelectField, TextField } from '../../ui/Field.js';
import { bytesText } from '../../ui/format.js';
import { FormDialog } from '../../ui/FormDialog.js';
import { Notice } from '../../ui/Notice.js';
import { cloneName, sizeOf, whyNoDisk } from './model.js';
import { readDisksAnew } from './queries.js';

interface Props {
  readonly onClose: () => void;
}

const accesses = [
  { value: 'read-write', label: 'Read and write: this board alone' },
  { value: 'read-only', label: 'Read only: any number of boards' },
];
const readAccess = (value: string): DiskAccess => (value === 'read-only' ? 'read-only' : 'read-write');
const nameHint = 'Lower-case letters, digits and hyphens. On the board it is /dev/disk/by-id/drover-NAME.';

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

/** Makes a disk; one that is for a board is attached when it is made. */
const makeDisk = async (
  body: Parameters<typeof client.disks.create>[0]['body'],
  device: Device | undefined,
  access: DiskAccess,
): Promise<void> => {
  const disk = await client.disks.create({ body });
  readDisksAnew();
  if (device === undefined) return;
  if (disk.job !== null) await client.waitForJob(disk.job);
  await client.disks.attach({ params: { ref: disk.id }, body: { device: device.id, access } });
  readDisksAnew();
};

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

export const SnapshotDialog = ({ disk, onClose }: Props & { readonly disk: Disk }) => {
  const [name, setName] = useState('');
  return (
    <FormDialog
      title={`Snapshot of ${disk.name}`}
      button="Take it"
      onClose={onClose}
      onSubmit={async () => {
        await client.disks.takeSnapshot({ params: { ref: disk.id }, body: name === '' ? {} : { name } });
        readDisksAnew();
      }}
    >
      <p>
        The disk as it is at this moment is kept, also while it is in use. File systems in it are as after a power cut.
      </p>
      <TextField
        label="Name"
        value={name}
        placeholder="before-the-update"
        hint="Left out: made of its id"
        onChange={(event) => {
          setName(event.target.value.trim());
        }}
      />
    </FormDialog>
  );
};

/** A disk never goes back in place: another one gets what was kept. */
export const RestoreDialog = ({
  device,
  disk,
  snapshot,
  onClose,
}: Props & { readonly device: Device; readonly disk: Disk; readonly snapshot: DiskSnapshot }) => {
  const reason = whyNoDisk(device);
  const [name, setName] = useState(() => cloneName(disk, snapshot));
  const [attaches, setAttaches] = useState(reason === undefined);
  return (
    <FormDialog
      title={`Restore ${snapshot.name}`}
      button="Make a disk of it"
      onClose={onClose}
      onSubmit={() =>
        makeDisk(
          { snapshot: snapshot.id, ...(name === '' ? {} : { name }) },
          attaches ? device : undefined,
          'read-write',
        )
      }
    >
      <p>
        A new data disk gets what was kept; {disk.name} stays as it is. Take from it what you need, or detach the old
        one and go on with the new one.
      </p>
      <TextField
        label="Name of the new disk"
        value={name}
        hint={nameHint}
        onChange={(event) => {
          setName(event.target.value.trim());
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
        <p>{reason}</p>
      )}
    </FormDialog>
  );
};

export const ForgetSnapshotDialog = ({
  disk,
  snapshot,
  onClose,
}: Props & { readonly disk: Disk; readonly snapshot: DiskSnapshot }) => (
  <FormDialog
    title={`Delete the snapshot ${snapshot.name}`}
    button="Delete the snapshot"
    danger
    onClose={onClose}
    onSubmit={async () => {
      await client.disks.deleteSnapshot({ params: { ref: disk.id, snapshot: snapshot.id } });
      readDisksAnew();
    }}
  >
    <p>The state of {disk.name} that it kept is gone for good. The disk itself, and disks made of it, stay.</p>
  </FormDialog>
);

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
