import { sizeOfBase64 } from '../files/model.js';
import { FirstBootFields } from '../first-boot/FirstBootFields.js';
import { Button } from '../ui/Button.js';
import { SelectField, TextField } from '../ui/Field.js';
import { bytesText } from '../ui/format.js';
import layout from '../ui/layout.module.css';
import { isForMany, waits } from './plan.js';
import { Step, type Part } from './Step.js';
import styles from './provision.module.css';

const spans: readonly (readonly [string, string])[] = [
  ['', 'Until somebody releases it'],
  ['3600', 'An hour'],
  ['14400', 'Four hours'],
  ['86400', 'A day'],
  ['604800', 'A week'],
];

/** Files that each of the boards gets, over its image. */
const Files = ({ wish, change, onAdd }: Pick<Part, 'wish' | 'change'> & { readonly onAdd: () => void }) => (
  <section className={styles['files']} aria-label="Files">
    <div className={layout['head']}>
      <h3>Files of its own</h3>
      {!waits(wish) && (
        <Button small onClick={onAdd}>
          Add a file
        </Button>
      )}
    </div>
    {waits(wish) && <p className={layout['small']}>Once a board is there, its page takes them, under Configuration.</p>}
    <ul>
      {wish.files.map(({ path, content, mode }) => (
        <li key={path} className={layout['row']}>
          <code>{path}</code>
          <span className={layout['small']}>
            {bytesText(sizeOfBase64(content))} · {mode}
          </span>
          <Button
            small
            kind="quiet"
            aria-label={`Leave out ${path}`}
            onClick={() => {
              change({ files: wish.files.filter((each) => each.path !== path) });
            }}
          >
            Leave out
          </Button>
        </li>
      ))}
    </ul>
  </section>
);

/** How long, how large, and what it is told at its first boot. */
export const OptionStep = ({ wish, change, onAddFile }: Part & { readonly onAddFile: () => void }) => (
  <Step number={4} title="Options">
    <div className={styles['pair']}>
      <SelectField
        label="Keep it"
        value={String(wish.ttlSeconds ?? '')}
        options={spans.map(([value, label]) => ({ value, label }))}
        onChange={(event) => {
          change({ ttlSeconds: event.target.value === '' ? undefined : Number(event.target.value) });
        }}
      />
      {wish.rootMode === 'nbd' && (
        <TextField
          label="Size of its disk, in GB"
          inputMode="decimal"
          value={wish.diskSize}
          placeholder="as large as the image"
          onChange={(event) => {
            change({ diskSize: event.target.value.trim() });
          }}
        />
      )}
    </div>
    <TextField
      label="More kernel parameters"
      value={wish.kernelParameters}
      placeholder="none"
      spellCheck={false}
      hint="Added to those of the image"
      onChange={(event) => {
        change({ kernelParameters: event.target.value });
      }}
    />
    <FirstBootFields
      typed={wish.firstBoot}
      isForMany={isForMany(wish)}
      asIs="As the board and the image have them"
      change={(part) => {
        change({ firstBoot: { ...wish.firstBoot, ...part } });
      }}
    />
    <Files wish={wish} change={change} onAdd={onAddFile} />
  </Step>
);
