import type { Device } from '@drover/contract';
import { useState } from 'react';
import { CheckField, TextField } from '../../ui/Field.js';
import { FormDialog } from '../../ui/FormDialog.js';
import { makeDisk, nameHint } from './make-disk.js';
import { cloneName, whyNoDisk } from './model.js';

/** What a disk can be made of: a snapshot or a backup of another one. */
export interface Kept {
  readonly source: { readonly snapshot: string } | { readonly backup: string };
  /** What was kept, as people call it. */
  readonly title: string;
  /** A short name of this state, for the name of the new disk. */
  readonly name: string;
  readonly diskName: string;
}

/** A disk never goes back in place: another one gets what was kept. */
export const RestoreDialog = ({
  device,
  kept,
  onClose,
}: {
  readonly device: Device;
  readonly kept: Kept;
  readonly onClose: () => void;
}) => {
  const reason = whyNoDisk(device);
  const [name, setName] = useState(() => cloneName(kept.diskName, kept.name));
  const [attaches, setAttaches] = useState(reason === undefined);
  return (
    <FormDialog
      title={`Restore ${kept.title}`}
      button="Make a disk of it"
      onClose={onClose}
      onSubmit={() =>
        makeDisk({ ...kept.source, ...(name === '' ? {} : { name }) }, attaches ? device : undefined, 'read-write')
      }
    >
      <p>
        A new data disk gets what was kept; what {kept.diskName} holds now stays as it is. Take from the new one what
        you need, or go on with it in place of the old one.
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
