import type { Disk, DiskSnapshot } from '@drover/contract';
import { useState } from 'react';
import { client } from '../../api/client.js';
import { TextField } from '../../ui/Field.js';
import { FormDialog } from '../../ui/FormDialog.js';
import { readDisksAnew } from './queries.js';

interface Props {
  readonly disk: Disk;
  readonly onClose: () => void;
}

export const SnapshotDialog = ({ disk, onClose }: Props) => {
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

export const ForgetSnapshotDialog = ({ disk, snapshot, onClose }: Props & { readonly snapshot: DiskSnapshot }) => (
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
