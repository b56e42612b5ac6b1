import { backupFormats, type BackupFormat, type Disk, type DiskBackup } from '@drover/contract';
import { useState } from 'react';
import { client } from '../../api/client.js';
import { SelectField } from '../../ui/Field.js';
import { FormDialog } from '../../ui/FormDialog.js';
import { readDisksAnew } from './queries.js';

const formatLabels: Readonly<Record<BackupFormat, string>> = {
  qcow2: 'qcow2: what is written to the disk, packed',
  raw: 'raw: byte for byte, as large as the disk',
};

export const BackupDialog = ({ disk, onClose }: { readonly disk: Disk; readonly onClose: () => void }) => {
  const [format, setFormat] = useState<BackupFormat>('qcow2');
  return (
    <FormDialog
      title={`Back up ${disk.name}`}
      button="Back it up"
      onClose={onClose}
      onSubmit={async () => {
        await client.backups.create({ params: { ref: disk.id }, body: { format } });
        readDisksAnew();
      }}
    >
      <p>
        The disk as it is at this moment becomes a file of its own on the server, also while it is in use, and stays
        when the disk is deleted. File systems in it are as after a power cut.
      </p>
      <SelectField
        label="Format"
        value={format}
        options={backupFormats.map((value) => ({ value, label: formatLabels[value] }))}
        onChange={(event) => {
          setFormat(backupFormats.find((each) => each === event.target.value) ?? 'qcow2');
        }}
      />
    </FormDialog>
  );
};

export const DeleteBackupDialog = ({
  backup,
  onClose,
}: {
  readonly backup: DiskBackup;
  readonly onClose: () => void;
}) => (
  <FormDialog
    title={`Delete a backup of ${backup.diskName}`}
    button="Delete the backup"
    danger
    onClose={onClose}
    onSubmit={async () => {
      await client.backups.delete({ params: { id: backup.id } });
      readDisksAnew();
    }}
  >
    <p>Its file is gone for good. The disk, other backups, and disks made of this one stay.</p>
  </FormDialog>
);
