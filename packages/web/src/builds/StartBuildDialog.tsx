import type { Build, RecipeSource } from '@drover/contract';
import { useState } from 'react';
import { client } from '../api/client.js';
import { queryClient } from '../api/queries.js';
import { Button } from '../ui/Button.js';
import { Dialog } from '../ui/Dialog.js';
import { ChoiceCards, SelectField, TextField } from '../ui/Field.js';
import { bytesText } from '../ui/format.js';
import { ProblemNotice } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { shippedRecipes } from './shipped.js';
import styles from './builds.module.css';

type Kind = RecipeSource['kind'];

const kinds = [
  { value: 'shipped', label: 'Comes with Drover', text: 'One of the recipes of this version.' },
  { value: 'folder', label: 'A folder of this server', text: 'Below the setting builds.recipes.' },
  { value: 'upload', label: 'From your computer', text: 'A tar of recipe folders, and which of them is built.' },
] as const;

const Check = ({
  label,
  checked,
  onChange,
}: {
  readonly label: string;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}) => (
  <label className={styles['check']}>
    <input
      type="checkbox"
      checked={checked}
      onChange={(event) => {
        onChange(event.target.checked);
      }}
    />
    {label}
  </label>
);

const uploadTar = async (file: File, onProgress: (done: number) => void): Promise<string> => {
  const uploaded = await client.upload(file, { filename: file.name, chunkSize: 8 * 1024 * 1024, onProgress });
  return uploaded.id;
};

/** Which recipe, and how. The server says who may build: see docs/how-to/builds.md. */
export const StartBuildDialog = ({
  onClose,
  onStarted,
}: {
  readonly onClose: () => void;
  readonly onStarted: (build: Build) => void;
}) => {
  const [kind, setKind] = useState<Kind>('shipped');
  const [shipped, setShipped] = useState('base');
  const [name, setName] = useState('');
  const [path, setPath] = useState('');
  const [file, setFile] = useState<File>();
  const [release, setRelease] = useState(false);
  const [publish, setPublish] = useState(false);
  const [uploaded, setUploaded] = useState<number>();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();

  const sourceOf = async (): Promise<RecipeSource> => {
    if (kind === 'shipped') return { kind, name: shipped };
    if (kind === 'folder') return { kind, name: name.trim() };
    if (file === undefined) throw new Error('Choose the tar with the recipe.');
    return { kind, upload: await uploadTar(file, setUploaded), path: path.trim() };
  };
  const start = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      const build = await client.builds.create({ body: { recipe: await sourceOf(), release, publish } });
      void queryClient.invalidateQueries({ queryKey: ['builds'] });
      onStarted(build);
    } catch (refused) {
      setError(refused);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title="Build an image"
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" form="build-form" busy={isBusy}>
            Build
          </Button>
        </>
      }
    >
      <form
        id="build-form"
        className={styles['form']}
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        <ChoiceCards legend="Recipe" name="kind" value={kind} choices={kinds} onChange={setKind} />
        {kind === 'shipped' && (
          <SelectField
            label="Which one"
            value={shipped}
            options={Object.entries(shippedRecipes).map(([value, text]) => ({ value, label: `${value}: ${text}` }))}
            onChange={(event) => {
              setShipped(event.target.value);
            }}
          />
        )}
        {kind === 'folder' && (
          <TextField
            label="Name of the folder"
            required
            value={name}
            pattern="[a-z0-9][a-z0-9-]*"
            onChange={(event) => {
              setName(event.target.value);
            }}
          />
        )}
        {kind === 'upload' && (
          <>
            <TextField
              label="Tar"
              type="file"
              accept=".tar"
              required
              onChange={(event) => {
                setFile(event.target.files?.[0]);
              }}
            />
            <TextField
              label="Folder of the recipe in the tar"
              required
              placeholder="sign"
              value={path}
              onChange={(event) => {
                setPath(event.target.value);
              }}
            />
          </>
        )}
        <Check label="As small as it gets, however long that takes" checked={release} onChange={setRelease} />
        <Check label="Publish it in the index below /images/global" checked={publish} onChange={setPublish} />
        {isBusy && file !== undefined && uploaded !== undefined && (
          <Progress
            label="Upload of the recipe"
            done={uploaded}
            total={file.size}
            text={`${bytesText(uploaded)} of ${bytesText(file.size)} uploaded`}
          />
        )}
        {error !== undefined && <ProblemNotice error={error} />}
      </form>
    </Dialog>
  );
};
