import { CheckField, SelectField, TextAreaField, TextField } from '../ui/Field.js';
import layout from '../ui/layout.module.css';
import type { FirstBootForm, TypedFirstBoot } from './model.js';
import styles from './first-boot.module.css';

interface Props {
  readonly typed: TypedFirstBoot;
  readonly change: (part: Partial<TypedFirstBoot>) => void;
  /** Many boards cannot have one host name. */
  readonly isForMany?: boolean;
  /** What saying nothing means here; left out: something is to be said. */
  readonly asIs?: string;
}

const zones = (): readonly string[] => Intl.supportedValuesOf('timeZone');

const Said = ({ typed, change, isForMany = false }: Props) => (
  <>
    <div className={styles['pair']}>
      {!isForMany && (
        <TextField
          label="Host name"
          value={typed.hostname}
          placeholder="that of the board"
          onChange={(event) => {
            change({ hostname: event.target.value.trim() });
          }}
        />
      )}
      <SelectField
        label="Time zone"
        value={typed.timezone}
        options={[
          { value: '', label: 'As the image has it' },
          { value: 'UTC', label: 'UTC' },
          ...zones().map((value) => ({ value, label: value })),
        ]}
        onChange={(event) => {
          change({ timezone: event.target.value });
        }}
      />
      <TextField
        label="User"
        value={typed.user}
        placeholder="the image’s own first one"
        onChange={(event) => {
          change({ user: event.target.value.trim() });
        }}
      />
    </div>
    <TextAreaField
      label="Keys that may log in by SSH"
      rows={3}
      value={typed.keys}
      placeholder="ssh-ed25519 AAAA… anna@desk"
      hint="Lines of authorized_keys"
      onChange={(event) => {
        change({ keys: event.target.value });
      }}
    />
    <div className={layout['row']}>
      <CheckField
        label="Start SSH"
        checked={typed.ssh}
        onChange={(event) => {
          change({ ssh: event.target.checked });
        }}
      />
      {typed.user !== '' && (
        <>
          <CheckField
            label="May become root"
            checked={typed.sudo}
            onChange={(event) => {
              change({ sudo: event.target.checked });
            }}
          />
          <CheckField
            label="Takes the place of the image’s first user"
            checked={typed.takesOver}
            onChange={(event) => {
              change({ takesOver: event.target.checked });
            }}
          />
        </>
      )}
    </div>
  </>
);

/** Host name, user, keys and time zone of a board, by fields or by a file that another program wrote. */
export const FirstBootFields = ({ typed, change, isForMany = false, asIs }: Props) => (
  <>
    <SelectField
      label="First-boot settings"
      value={typed.form}
      options={[
        ...(asIs === undefined ? [] : [{ value: 'as-is', label: asIs }]),
        { value: 'fields', label: 'These' },
        { value: 'file', label: 'Those of a file' },
      ]}
      onChange={(event) => {
        const forms: readonly FirstBootForm[] = ['as-is', 'fields', 'file'];
        change({ form: forms.find((each) => each === event.target.value) ?? 'as-is' });
      }}
    />
    {typed.form === 'fields' && <Said typed={typed} change={change} isForMany={isForMany} />}
    {typed.form === 'file' && (
      <TextField
        label="File"
        type="file"
        hint="custom.toml of Raspberry Pi Imager, user-data of cloud-init, or JSON. Passwords in a custom.toml are hashed before they are kept."
        onChange={(event) => {
          const [file] = event.target.files ?? [];
          if (file === undefined) change({ fileName: '', fileText: '' });
          else void file.text().then((fileText) => change({ fileName: file.name, fileText }));
        }}
      />
    )}
  </>
);
