import type { Device } from '@drover/contract';
import { useNavigate } from '@tanstack/react-router';
import { useCallback, useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent } from 'react';
import { useMedia } from '../ui/use-media.js';
import { VirtualGrid } from '../ui/VirtualGrid.js';
import type { FleetView } from './filter.js';
import { FleetHeader, FleetRow, FleetTile } from './FleetCells.js';
import styles from './fleet.module.css';

interface Props {
  readonly devices: readonly Device[];
  readonly view: FleetView;
  readonly selected: ReadonlySet<string>;
  readonly onSelect: (selected: ReadonlySet<string>) => void;
}

/** Pixels a tile is wide at least. */
const tileWidth = 210;

const useWidth = () => {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (box.current === null) return undefined;
    const observer = new ResizeObserver(([entry]) => {
      setWidth(entry?.contentRect.width ?? 0);
    });
    observer.observe(box.current);
    return () => {
      observer.disconnect();
    };
  }, []);
  return { box, width };
};

/** The fleet as a table or as tiles: arrows, Space, Enter, Ctrl+A, Escape. */
export const FleetList = ({ devices, view, selected, onSelect }: Props) => {
  const navigate = useNavigate();
  const isNarrow = useMedia('(max-width: 64rem)');
  const { box, width } = useWidth();
  const [cursor, setCursor] = useState(0);
  const last = useRef(0);
  const at = Math.min(cursor, Math.max(devices.length - 1, 0));

  const toggle = (index: number, range: boolean): void => {
    const device = devices[index];
    if (device === undefined) return;
    const next = new Set(selected);
    const isOn = !next.has(device.id);
    const [from, to] = range ? [Math.min(last.current, index), Math.max(last.current, index)] : [index, index];
    for (const { id } of devices.slice(from, to + 1)) {
      if (isOn) next.add(id);
      else next.delete(id);
    }
    last.current = index;
    setCursor(index);
    onSelect(next);
  };
  const latest = useRef(toggle);
  useLayoutEffect(() => {
    latest.current = toggle;
  });
  const onToggle = useCallback((index: number, range: boolean) => {
    latest.current(index, range);
  }, []);
  const onOpen = useCallback(
    ({ name }: Device) => {
      void navigate({ to: '/devices/$ref', params: { ref: name } });
    },
    [navigate],
  );
  const onKey = (event: KeyboardEvent, index: number): boolean => {
    const device = devices[index];
    if (event.key === ' ') toggle(index, event.shiftKey);
    else if (event.key === 'Enter' && device !== undefined) onOpen(device);
    else if (event.key === 'a' && (event.ctrlKey || event.metaKey)) onSelect(new Set(devices.map(({ id }) => id)));
    else if (event.key === 'Escape' && selected.size > 0) onSelect(new Set());
    else return false;
    return true;
  };
  const isTiles = view === 'grid';
  const Item = isTiles ? FleetTile : FleetRow;
  const header = isTiles || isNarrow ? {} : { header: <FleetHeader /> };
  return (
    <div ref={box} className={styles['list']}>
      <VirtualGrid
        label="Boards"
        count={devices.length}
        columns={isTiles ? Math.max(2, Math.floor(width / tileWidth)) : 1}
        rowHeight={isTiles ? 112 : isNarrow ? 64 : 48}
        cursor={at}
        onCursor={setCursor}
        onKey={onKey}
        isSelected={(index) => selected.has(devices[index]?.id ?? '')}
        renderItem={(index) => {
          const device = devices[index];
          if (device === undefined) return null;
          return <Item key={device.id} {...{ device, index, onToggle, onOpen }} isSelected={selected.has(device.id)} />;
        }}
        {...header}
      />
    </div>
  );
};
