import type { DeviceFilePut } from '@drover/contract';
import { useState } from 'react';
import { toBase64 } from '../api/base64.js';
import { TextAreaField, TextField } from '../ui/Field.js';
import { FormDialog } from '../ui/FormDialog.js';
import layout from '../ui/layout.module.css';
import { noFile, readFile, type TypedFile } from './model.js';
import styles from '../first-boot/first-boot.module.css';

/** Asks for a file that a board gets: one of this machine, or text. */
export const FileDialog = ({
  onFile,
  onClose,
}: {
  readonly onFile: (file: DeviceFilePut) => Promise<unknown>;
  readonly onClose: () => void;
}) => {
  const [typed, setTyped] = useState<TypedFile>(noFile);
  const read = readFile(typed);
  const change = (part: Partial<TypedFile>): void => {
    setTyped((now) => ({ ...now, ...part }));
  };
  return (
    <FormDialog
      title="A file of its own"
      button="Give it this file"
      disabled={!read.ok}
      onClose={onClose}
      onSubmit={async () => {
        if (read.ok) await onFile(read.file);
      }}
    >
      <p>The board gets it at each boot, laid over its image, until it is released.</p>
      <TextField
        label="Where it lies"
        value={typed.path}
        required
        placeholder="/etc/app/token"
        onChange={(event) => {
          change({ path: event.target.value.trim() });
        }}
      />
      <TextField
        label="File"
        type="file"
        onChange={(event) => {
          const [file] = event.target.files ?? [];
          if (file === undefined) change({ chosen: undefined });
          else void file.arrayBuffer().then((bytes) => change({ chosen: toBase64(new Uint8Array(bytes)) }));
        }}
      />
      {typed.chosen === undefined && (
        <TextAreaField
          label="Or its text"
          rows={4}
          value={typed.text}
          onChange={(event) => {
            change({ text: event.target.value });
          }}
        />
      )}
      <div className={styles['pair']}>
        <TextField
          label="Mode"
          value={typed.mode}
          hint="In octal"
          onChange={(event) => {
            change({ mode: event.target.value.trim() });
          }}
        />
        <TextField
          label="Owner"
          value={typed.owner}
          hint="Numbers of user and group"
          onChange={(event) => {
            change({ owner: event.target.value });
          }}
        />
      </div>
      {!read.ok && <p className={layout['muted']}>{read.problem}</p>}
    </FormDialog>
  );
};
