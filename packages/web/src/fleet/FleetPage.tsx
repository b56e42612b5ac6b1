import type { Device } from '@drover/contract';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useMemo, useState } from 'react';
import { useFleet } from '../live/hooks.js';
import { useMay } from '../session/principal.js';
import { Button } from '../ui/Button.js';
import { EmptyState } from '../ui/EmptyState.js';
import { countText } from '../ui/format.js';
import { ProblemNotice } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import layout from '../ui/layout.module.css';
import { unfitReason, type BulkAction } from './actions.js';
import { BulkDialog } from './BulkDialog.js';
import { FilterBar } from './FilterBar.js';
import { FleetList } from './FleetList.js';
import { noFilter } from './filter.js';
import { chosen } from '../provision/chosen.js';
import { useFleetFilter, useShownDevices } from './use-fleet-filter.js';
import styles from './fleet.module.css';

const StartPage = lazy(async () => ({ default: (await import('../start/StartPage.js')).StartPage }));

const bulk: readonly (readonly [Exclude<BulkAction, 'provision'>, string])[] = [
  ['adopt', 'Adopt'],
  ['release', 'Release'],
  ['on', 'On'],
  ['off', 'Off'],
  ['cycle', 'Off and on'],
  ['label', 'Label'],
  ['delete', 'Forget'],
];

const isForNone = (action: BulkAction, devices: readonly Device[]): boolean =>
  devices.every((device) => unfitReason(action, device) !== undefined);

/** Whoever comes to an empty fleet is guided, and stays so when the first boards appear, until that is enough. */
const useGuide = (isLoaded: boolean, boards: number) => {
  const [began, setBegan] = useState(false);
  const [isOver, setOver] = useState(false);
  if (isLoaded && boards === 0 && !began) setBegan(true);
  return {
    now: isLoaded && (boards === 0 || (began && !isOver)),
    end: () => {
      setOver(true);
    },
  };
};

export const FleetPage = () => {
  const { devices, isLoaded, error } = useFleet();
  const { filter, view, setView, change } = useFleetFilter();
  const shown = useShownDevices(devices, filter);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [action, setAction] = useState<Exclude<BulkAction, 'provision'>>();
  const navigate = useNavigate();
  const mayChange = useMay('operator');
  const isGuided = useGuide(isLoaded, devices.length);
  const picked = useMemo(() => devices.filter(({ id }) => selected.has(id)), [devices, selected]);

  if (!isLoaded) {
    return (
      <div className={layout['page']}>
        <title>Fleet · Drover</title>
        <h1>Fleet</h1>
        {error === undefined ? (
          <Progress label="Reading the fleet" done={0} total={null} />
        ) : (
          <ProblemNotice error={error} />
        )}
      </div>
    );
  }
  if (isGuided.now) {
    return (
      <Suspense fallback={null}>
        <StartPage onFleet={devices.length === 0 ? undefined : isGuided.end} />
      </Suspense>
    );
  }
  const isAll = shown.length === devices.length;
  return (
    <div className={styles['page']}>
      <title>Fleet · Drover</title>
      <div className={layout['head']}>
        <h1>Fleet</h1>
        <div className={layout['row']}>
          <span className={layout['muted']} role="status">
            {isAll
              ? countText(devices.length, 'board')
              : `${shown.length.toLocaleString('en')} of ${countText(devices.length, 'board')}`}
          </span>
          <Button
            icon={view === 'grid' ? 'list' : 'fleet'}
            small
            onClick={() => {
              setView(view === 'grid' ? 'table' : 'grid');
            }}
          >
            {view === 'grid' ? 'As a table' : 'As tiles'}
          </Button>
        </div>
      </div>
      <FilterBar devices={devices} filter={filter} onChange={change} />
      {picked.length > 0 && (
        <div className={styles['bulk']} role="group" aria-label="Selected boards">
          <strong>{countText(picked.length, 'board')} selected</strong>
          {mayChange && (
            <>
              <Button
                small
                kind="primary"
                disabled={isForNone('provision', picked)}
                onClick={() => {
                  chosen.set(picked.map(({ id }) => id));
                  void navigate({ to: '/provision' });
                }}
              >
                Provision
              </Button>
              {bulk.map(([name, label]) => (
                <Button
                  key={name}
                  small
                  disabled={isForNone(name, picked)}
                  onClick={() => {
                    setAction(name);
                  }}
                >
                  {label}
                </Button>
              ))}
            </>
          )}
          <Button
            small
            kind="quiet"
            onClick={() => {
              setSelected(new Set());
            }}
          >
            Unselect
          </Button>
        </div>
      )}
      {shown.length === 0 ? (
        <EmptyState
          icon="search"
          title="No board is like that"
          action={
            <Button
              onClick={() => {
                change(noFilter);
              }}
            >
              Show all {devices.length.toLocaleString('en')}
            </Button>
          }
        />
      ) : (
        <FleetList devices={shown} view={view} selected={selected} onSelect={setSelected} />
      )}
      {action !== undefined && (
        <BulkDialog
          action={action}
          devices={picked}
          onClose={(isDone) => {
            setAction(undefined);
            if (isDone) setSelected(new Set());
          }}
        />
      )}
    </div>
  );
};
