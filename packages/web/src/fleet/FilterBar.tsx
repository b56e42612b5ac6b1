import { healthStatuses, models, type Device, type HealthStatus, type Model } from '@drover/contract';
import { useEffect, useMemo, useRef } from 'react';
import { Button } from '../ui/Button.js';
import { SelectField, TextField } from '../ui/Field.js';
import { deviceLooks, StateDot } from '../ui/State.js';
import { countStates, imagesOf, isFiltered, noFilter, selectorError, type FleetFilter } from './filter.js';
import styles from './fleet.module.css';

interface Props {
  readonly devices: readonly Device[];
  readonly filter: FleetFilter;
  readonly onChange: (change: Partial<FleetFilter>) => void;
}

/** How many boards are in each state; a click shows only those. */
const StateChips = ({ devices, filter, onChange }: Props) => {
  const counts = useMemo(() => countStates(devices), [devices]);
  return (
    <div className={styles['chips']} role="group" aria-label="By state">
      {Object.entries(deviceLooks).map(([key, look]) => {
        const state = key as keyof typeof deviceLooks;
        const isOn = filter.state === state;
        return (
          <button
            key={state}
            type="button"
            className={styles['chip']}
            aria-pressed={isOn}
            disabled={counts[state] === 0 && !isOn}
            onClick={() => {
              onChange({ state: isOn ? undefined : state });
            }}
          >
            <StateDot look={look} />
            <strong>{counts[state].toLocaleString('en')}</strong>
          </button>
        );
      })}
    </div>
  );
};

const useSlashKey = () => {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      const isTyping = event.target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      box.current?.querySelector('input')?.focus();
    };
    document.addEventListener('keydown', listen);
    return () => {
      document.removeEventListener('keydown', listen);
    };
  }, []);
  return box;
};

export const FilterBar = (props: Props) => {
  const { devices, filter, onChange } = props;
  const search = useSlashKey();
  const images = useMemo(() => imagesOf(devices), [devices]);
  const usedModels = useMemo(() => {
    const used = new Set(devices.map(({ model }) => model));
    return models.filter((model) => used.has(model) || model === filter.model);
  }, [devices, filter.model]);
  return (
    <div className={styles['filters']}>
      <StateChips {...props} />
      <div className={styles['fields']} role="search">
        <div ref={search} className={styles['search']}>
          <TextField
            label="Search boards"
            labelHidden
            type="search"
            placeholder="Search: name, MAC, serial, address, label  ( / )"
            value={filter.text}
            onChange={(event) => {
              onChange({ text: event.target.value });
            }}
          />
        </div>
        <SelectField
          label="Model"
          labelHidden
          value={filter.model ?? ''}
          options={[{ value: '', label: 'Any model' }, ...usedModels.map((value) => ({ value, label: value }))]}
          onChange={(event) => {
            onChange({ model: event.target.value === '' ? undefined : (event.target.value as Model) });
          }}
        />
        <SelectField
          label="Image"
          labelHidden
          value={filter.image ?? ''}
          options={[
            { value: '', label: 'Any image' },
            { value: '-', label: 'No image' },
            ...images.map((value) => ({ value, label: value })),
          ]}
          onChange={(event) => {
            onChange({ image: event.target.value === '' ? undefined : event.target.value });
          }}
        />
        <SelectField
          label="Health"
          labelHidden
          value={filter.health ?? ''}
          options={[{ value: '', label: 'Any health' }, ...healthStatuses.map((value) => ({ value, label: value }))]}
          onChange={(event) => {
            onChange({ health: event.target.value === '' ? undefined : (event.target.value as HealthStatus) });
          }}
        />
        <div className={styles['labels']}>
          <TextField
            label="Labels"
            labelHidden
            placeholder="Labels: rack=a,role=sign"
            value={filter.labels}
            error={selectorError(filter.labels)}
            onChange={(event) => {
              onChange({ labels: event.target.value });
            }}
          />
        </div>
        {isFiltered(filter) && (
          <Button
            kind="quiet"
            onClick={() => {
              onChange(noFilter);
            }}
          >
            Clear
          </Button>
        )}
      </div>
    </div>
  );
};
