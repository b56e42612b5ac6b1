import type { BootLayer, BootLayerVersion, Device } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { client } from '../../api/client.js';
import { queries } from '../../api/queries.js';
import { SelectField, TextAreaField, TextField } from '../../ui/Field.js';
import { FormDialog } from '../../ui/FormDialog.js';
import { ProblemNotice } from '../../ui/Notice.js';
import { Progress } from '../../ui/Progress.js';
import { Dialog } from '../../ui/Dialog.js';
import { changeText, documentOf, typedOf, type TypedDocument } from './model.js';
import { layerDiff, layerOf, readConfigAnew } from './queries.js';
import styles from './config.module.css';

interface Props {
  readonly device: Device;
  readonly onClose: () => void;
}

const ReasonField = ({ value, onChange }: { readonly value: string; readonly onChange: (text: string) => void }) => (
  <TextField
    label="Why"
    value={value}
    maxLength={500}
    hint="A line for the history; may be left out"
    onChange={(event) => {
      onChange(event.target.value);
    }}
  />
);

/** Changes what a board says itself; refused when somebody else did so meanwhile. */
export const EditDialog = ({ device, layer, onClose }: Props & { readonly layer: BootLayer | null }) => {
  const images = useQuery(queries.images);
  // What was read when the form was opened: a change by somebody else that comes in meanwhile is not overwritten unseen.
  const [base] = useState(layer);
  const [typed, setTyped] = useState(() => typedOf(base?.document ?? null));
  const [reason, setReason] = useState('');
  const read = documentOf(typed);
  const change = (part: Partial<TypedDocument>): void => {
    setTyped((now) => ({ ...now, ...part }));
  };
  const names = new Set([...(images.data ?? []).map(({ ref }) => ref), ...(typed.image === '' ? [] : [typed.image])]);
  return (
    <FormDialog
      title={`What ${device.name} says itself`}
      button="Save"
      wide
      disabled={!read.ok}
      onClose={onClose}
      onSubmit={async () => {
        if (!read.ok) return;
        const body = { document: read.document, version: base?.version ?? 0, reason };
        await client.bootLayers.put({ params: { layer: layerOf(device.id) }, body });
        readConfigAnew(device.id);
      }}
    >
      <p>What is left empty comes from the layers below: those of all boards and of boards with its labels.</p>
      <SelectField
        label="Image"
        value={typed.image}
        options={[
          { value: '', label: 'As the layers below say' },
          ...[...names].map((value) => ({ value, label: value })),
        ]}
        onChange={(event) => {
          change({ image: event.target.value });
        }}
      />
      <TextAreaField
        label="Script once its root is up (usercode)"
        rows={4}
        value={typed.usercode}
        onChange={(event) => {
          change({ usercode: event.target.value });
        }}
      />
      <TextAreaField
        label="Script before its root is made (bootcode)"
        rows={3}
        value={typed.bootcode}
        onChange={(event) => {
          change({ bootcode: event.target.value });
        }}
      />
      <TextAreaField
        label="Everything else, as JSON"
        rows={6}
        value={typed.rest}
        placeholder={'{ "config": { "autoupdate": true } }'}
        hint="config, initfs and rootfs; null takes away what a layer below says"
        error={read.ok ? undefined : read.message}
        onChange={(event) => {
          change({ rest: event.target.value });
        }}
      />
      <ReasonField value={reason} onChange={setReason} />
    </FormDialog>
  );
};

/** Lets a board say nothing itself. */
export const ClearDialog = ({ device, onClose }: Props) => {
  const [reason, setReason] = useState('');
  return (
    <FormDialog
      title={`${device.name} says nothing itself`}
      button="Take its values away"
      danger
      onClose={onClose}
      onSubmit={async () => {
        await client.bootLayers.delete({ params: { layer: layerOf(device.id) }, query: { reason } });
        readConfigAnew(device.id);
      }}
    >
      <p>It gets what the layers below say, and nothing more. What it said stays among its versions.</p>
      <ReasonField value={reason} onChange={setReason} />
    </FormDialog>
  );
};

export const RevertDialog = ({ device, to, onClose }: Props & { readonly to: BootLayerVersion }) => {
  const [reason, setReason] = useState('');
  return (
    <FormDialog
      title={`Say again what version ${to.version} said`}
      button={`Go back to version ${to.version}`}
      onClose={onClose}
      onSubmit={async () => {
        await client.bootLayers.revert({ params: { layer: layerOf(device.id) }, body: { to: to.version, reason } });
        readConfigAnew(device.id);
      }}
    >
      <p>That becomes a new version; those between stay in the history.</p>
      <ReasonField value={reason} onChange={setReason} />
    </FormDialog>
  );
};

/** What one version changed. */
export const DiffDialog = ({ device, version, onClose }: Props & { readonly version: number }) => {
  const diff = useQuery(layerDiff(device.id, version - 1, version));
  return (
    <Dialog title={`What version ${version} changed`} wide onClose={onClose}>
      {diff.isPending && <Progress label="Reading the difference" done={0} total={null} />}
      {diff.isError && <ProblemNotice error={diff.error} />}
      {diff.data?.changes.length === 0 && <p>Nothing: both say the same.</p>}
      <ul className={styles['changes']}>
        {(diff.data?.changes ?? []).map(changeText).map(({ word, path, before, after }) => (
          <li key={path}>
            <strong>{path}</strong> <span>{word}</span>
            {before !== undefined && (
              <del>
                <span className="visually-hidden">before: </span>
                {before}
              </del>
            )}
            {after !== undefined && (
              <ins>
                <span className="visually-hidden">now: </span>
                {after}
              </ins>
            )}
          </li>
        ))}
      </ul>
    </Dialog>
  );
};
