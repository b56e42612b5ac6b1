import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, type ReactNode, type RefObject } from 'react';
import styles from './virtual-list.module.css';

interface Props {
  readonly label: string;
  readonly count: number;
  /** Pixels a row is likely to have; what it has is measured. */
  readonly estimate: number;
  readonly keyOf: (index: number) => string | number;
  readonly renderItem: (index: number) => ReactNode;
  /** The end is near: time to ask for more. */
  readonly onEnd?: (() => void) | undefined;
  /** Below the last row. */
  readonly footer?: ReactNode;
  /** Whether what is read is not at the beginning. */
  readonly onAway?: ((isAway: boolean) => void) | undefined;
  readonly scroller?: RefObject<HTMLDivElement | null>;
}

/** A list to read, of any length and with rows of any height: only what is seen is in the page. The keys of the browser scroll it; Tab goes from link to link. */
export const VirtualList = ({ label, count, estimate, keyOf, renderItem, onEnd, footer, onAway, scroller }: Props) => {
  const own = useRef<HTMLDivElement>(null);
  const box = scroller ?? own;
  const virtualizer = useVirtualizer({
    count,
    getScrollElement: () => box.current,
    estimateSize: () => estimate,
    getItemKey: keyOf,
    overscan: 12,
  });
  const items = virtualizer.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (last >= count - 5) onEnd?.();
  }, [last, count, onEnd]);
  return (
    <div
      ref={box}
      role="region"
      aria-label={label}
      tabIndex={0}
      className={styles['scroller']}
      onScroll={(event) => {
        onAway?.(event.currentTarget.scrollTop > estimate);
      }}
    >
      <ul className={styles['body']} style={{ height: virtualizer.getTotalSize() }} aria-label={label}>
        {items.map((item) => (
          <li
            key={item.key}
            ref={virtualizer.measureElement}
            data-index={item.index}
            aria-posinset={item.index + 1}
            aria-setsize={count}
            className={styles['row']}
            style={{ transform: `translateY(${item.start}px)` }}
          >
            {renderItem(item.index)}
          </li>
        ))}
      </ul>
      {footer !== undefined && <div className={styles['footer']}>{footer}</div>}
    </div>
  );
};
