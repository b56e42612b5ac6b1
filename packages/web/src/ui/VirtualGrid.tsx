import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useId, useRef, type KeyboardEvent, type ReactNode } from 'react';
import { cursorAfter } from './grid-cursor.js';
import styles from './virtual-grid.module.css';

export interface VirtualGridProps {
  readonly label: string;
  readonly count: number;
  /** Cells beside each other; 1 is a table. */
  readonly columns: number;
  /** Pixels. */
  readonly rowHeight: number;
  /** Cell that the keyboard is at. */
  readonly cursor: number;
  readonly onCursor: (index: number) => void;
  /** What the grid does not do itself with a key: true when it was for something. */
  readonly onKey: (event: KeyboardEvent, index: number) => boolean;
  readonly isSelected: (index: number) => boolean;
  /** Cells of one thing: for a table several of role gridcell, else one. */
  readonly renderItem: (index: number) => ReactNode;
  readonly header?: ReactNode;
}

/** A list of any length: only what is seen is in the page. One tab stop; arrows move within (ARIA grid with aria-activedescendant). */
export const VirtualGrid = (props: VirtualGridProps) => {
  const { label, count, columns, rowHeight, cursor, onCursor, onKey, isSelected, renderItem, header } = props;
  const id = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const rows = Math.ceil(count / columns);
  const virtualizer = useVirtualizer({
    count: rows,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 8,
  });
  useEffect(() => {
    virtualizer.measure();
  }, [virtualizer, rowHeight, columns]);

  const move = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget) return;
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / rowHeight) - 1);
    const to =
      event.ctrlKey || event.metaKey || event.altKey
        ? undefined
        : cursorAfter(event.key, cursor, { count, columns, page });
    if (to !== undefined) {
      onCursor(to);
      virtualizer.scrollToIndex(Math.floor(to / columns));
      event.preventDefault();
    } else if (onKey(event, cursor)) event.preventDefault();
  };
  const cellId = (index: number): string => `${id}-${index}`;
  return (
    <div className={styles['frame']}>
      <div
        ref={scroller}
        role="grid"
        aria-label={label}
        aria-rowcount={header === undefined ? rows : rows + 1}
        aria-multiselectable="true"
        aria-activedescendant={count === 0 ? undefined : cellId(cursor)}
        tabIndex={0}
        className={styles['scroller']}
        onKeyDown={move}
      >
        {header}
        <div role="rowgroup" className={styles['body']} style={{ height: virtualizer.getTotalSize() }}>
          {virtualizer.getVirtualItems().map((row) => {
            const first = row.index * columns;
            const inRow = Array.from({ length: Math.min(columns, count - first) }, (_, offset) => first + offset);
            const isTable = columns === 1;
            return (
              <div
                key={row.key}
                id={isTable ? cellId(first) : undefined}
                role="row"
                aria-rowindex={row.index + (header === undefined ? 1 : 2)}
                aria-selected={isTable ? isSelected(first) : undefined}
                data-cursor={(isTable && cursor === first) || undefined}
                className={isTable ? styles['row'] : styles['tiles']}
                style={{
                  transform: `translateY(${row.start}px)`,
                  height: rowHeight,
                  ...(isTable ? {} : { gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }),
                }}
              >
                {isTable
                  ? renderItem(first)
                  : inRow.map((index) => (
                      <div
                        key={index}
                        id={cellId(index)}
                        role="gridcell"
                        aria-selected={isSelected(index)}
                        data-cursor={cursor === index || undefined}
                        className={styles['tile']}
                      >
                        {renderItem(index)}
                      </div>
                    ))}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
};
