import { useMemo } from 'react';
import { useFleet } from '../live/hooks.js';
import { ChoiceCards, SelectField, TextField } from '../ui/Field.js';
import { BoardChoice } from './BoardChoice.js';
import { choicesOf, knownModel } from './plan.js';
import { Step, type Part } from './Step.js';
import styles from './provision.module.css';

const memories = [
  { value: '', label: 'Any, also where it is not known' },
  { value: '512', label: '512 MiB' },
  ...[1, 2, 4, 8, 16].map((gib) => ({ value: String(gib * 1024), label: `${gib} GiB` })),
];

const waitSpans = [
  { value: '', label: 'Say so, and do not wait' },
  { value: '600', label: 'Wait ten minutes' },
  { value: '3600', label: 'Wait an hour' },
  { value: '28800', label: 'Wait eight hours' },
  { value: '86400', label: 'Wait a day' },
];

/** What a board must be like that the server takes by itself. */
const AnyOne = ({ wish, image, change }: Part) => {
  const { devices } = useFleet();
  const { sites, labels } = useMemo(() => choicesOf(devices), [devices]);
  return (
    <div className={styles['pair']}>
      <SelectField
        label="Model"
        value={wish.model ?? ''}
        options={[
          { value: '', label: 'Any that runs the image' },
          ...(image?.facts?.models ?? []).map((value) => ({ value, label: value })),
        ]}
        onChange={(event) => {
          change({ model: knownModel(event.target.value) });
        }}
      />
      <TextField
        label="Labels"
        value={wish.selector}
        placeholder="rack=a,role=sign"
        hint="Left out: whatever its labels are"
        onChange={(event) => {
          change({ selector: event.target.value });
        }}
      />
      <SelectField
        label="Memory, at least"
        value={String(wish.memoryMiB ?? '')}
        hint={wish.memoryMiB === undefined ? undefined : 'Boards that never told theirs are left out'}
        options={memories}
        onChange={(event) => {
          change({ memoryMiB: event.target.value === '' ? undefined : Number(event.target.value) });
        }}
      />
      <SelectField
        label="Site"
        value={wish.site}
        options={[{ value: '', label: 'Any' }, ...sites.map((value) => ({ value, label: value }))]}
        onChange={(event) => {
          change({ site: event.target.value });
        }}
      />
      <SelectField
        label="Spread over"
        value={wish.spread}
        hint="One where the fewest are in use"
        options={[
          { value: '', label: 'It does not matter' },
          ...labels.map((value) => ({ value, label: `label ${value}` })),
        ]}
        onChange={(event) => {
          change({ spread: event.target.value });
        }}
      />
      <SelectField
        label="When none is free"
        value={String(wish.waitSeconds ?? '')}
        options={waitSpans}
        onChange={(event) => {
          change({ waitSeconds: event.target.value === '' ? undefined : Number(event.target.value) });
        }}
      />
    </div>
  );
};

/** Which boards. */
export const WhoStep = ({ wish, image, change }: Part) => {
  const { devices } = useFleet();
  return (
    <Step number={1} title="Which boards">
      <ChoiceCards
        legend="Boards"
        name="who"
        value={wish.who}
        choices={[
          { value: 'these', label: 'These boards', text: 'You say which.' },
          {
            value: 'any',
            label: 'Any one that fits',
            text: 'The server takes a free one. Two people never get the same.',
          },
        ]}
        onChange={(who) => {
          change({ who });
        }}
      />
      {wish.who === 'these' ? (
        <BoardChoice
          devices={devices}
          image={image}
          boards={wish.boards}
          onChange={(boards) => {
            change({ boards });
          }}
        />
      ) : (
        <AnyOne wish={wish} image={image} change={change} />
      )}
    </Step>
  );
};
