import type { Device, Image } from '@drover/contract';
import { Link } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { compileFilter, noFilter, sortFleet } from '../fleet/filter.js';
import { Button } from '../ui/Button.js';
import { TextField } from '../ui/Field.js';
import { countText } from '../ui/format.js';
import { Notice } from '../ui/Notice.js';
import layout from '../ui/layout.module.css';
import { unfitBoard } from './plan.js';
import styles from './provision.module.css';

/** Boards listed at most; the search finds the others. */
const listed = 100;

/** Which of the free boards. */
export const BoardChoice = ({
  devices,
  image,
  boards,
  onChange,
}: {
  readonly devices: readonly Device[];
  readonly image: Image | undefined;
  readonly boards: ReadonlySet<string>;
  readonly onChange: (boards: ReadonlySet<string>) => void;
}) => {
  const [text, setText] = useState('');
  const free = useMemo(() => sortFleet(devices.filter(({ state }) => state === 'available')), [devices]);
  const shown = useMemo(() => free.filter(compileFilter({ ...noFilter, text })), [free, text]);
  if (free.length === 0) {
    return (
      <Notice tone="info" title="No board is free">
        <p>
          Boards that were seen have to be adopted first, and those in use released: see the <Link to="/">fleet</Link>.
        </p>
      </Notice>
    );
  }
  const toggle = (id: string): void => {
    const next = new Set(boards);
    if (!next.delete(id)) next.add(id);
    onChange(next);
  };
  return (
    <div className={layout['stack']}>
      <div className={layout['head']}>
        <div className={styles['search']}>
          <TextField
            label="Search free boards"
            labelHidden
            type="search"
            placeholder={`Search ${countText(free.length, 'free board')}`}
            value={text}
            onChange={(event) => {
              setText(event.target.value);
            }}
          />
        </div>
        <div className={layout['row']}>
          <span className={layout['muted']}>{countText(boards.size, 'board')} chosen</span>
          <Button
            small
            onClick={() => {
              onChange(new Set([...boards, ...shown.map(({ id }) => id)]));
            }}
          >
            Choose all {shown.length}
          </Button>
          {boards.size > 0 && (
            <Button
              small
              kind="quiet"
              onClick={() => {
                onChange(new Set());
              }}
            >
              None
            </Button>
          )}
        </div>
      </div>
      <ul className={styles['boards']} aria-label="Free boards">
        {shown.slice(0, listed).map((device) => {
          const unfit = unfitBoard(image, device);
          return (
            <li key={device.id}>
              <label>
                <input
                  type="checkbox"
                  checked={boards.has(device.id)}
                  onChange={() => {
                    toggle(device.id);
                  }}
                />
                <strong>{device.name}</strong>
                <span>{device.model}</span>
                {unfit !== undefined && <em>{unfit}</em>}
              </label>
            </li>
          );
        })}
      </ul>
      {shown.length > listed && <p className={layout['small']}>and {shown.length - listed} more: search for them</p>}
    </div>
  );
};
