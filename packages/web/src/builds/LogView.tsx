import { useVirtualizer } from '@tanstack/react-virtual';
import { useDeferredValue, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { Button, buttonClass } from '../ui/Button.js';
import { TextField } from '../ui/Field.js';
import { countText } from '../ui/format.js';
import { findLines, type BuildLog } from './log-model.js';
import styles from './builds.module.css';

const lineHeight = 20;

const Marked = ({ line, text }: { readonly line: string; readonly text: string }): ReactNode => {
  const at = text === '' ? -1 : line.toLowerCase().indexOf(text.toLowerCase());
  if (at === -1) return line;
  return (
    <>
      {line.slice(0, at)}
      <mark>{line.slice(at, at + text.length)}</mark>
      {line.slice(at + text.length)}
    </>
  );
};

interface Props {
  readonly log: BuildLog;
  readonly isRunning: boolean;
  readonly download: string;
  readonly filename: string;
  /** A line to show: a new object each time it is asked for. */
  readonly wanted: { readonly line: number } | undefined;
}

/** A log of any length, of which only what is seen is in the page. It follows its end until somebody scrolls up. */
export const LogView = ({ log, isRunning, download, filename, wanted }: Props) => {
  const box = useRef<HTMLDivElement>(null);
  const [isFollowing, setFollowing] = useState(isRunning);
  const [text, setText] = useState('');
  const [place, setPlace] = useState(0);
  const sought = useDeferredValue(text);
  const found = useMemo(() => findLines(log.lines, sought), [log.lines, sought]);
  const at = found.length === 0 ? undefined : found[place % found.length];
  const count = log.lines.length;
  const virtualizer = useVirtualizer({
    count,
    getScrollElement: () => box.current,
    estimateSize: () => lineHeight,
    overscan: 20,
  });
  useEffect(() => {
    if (isFollowing && count > 0) virtualizer.scrollToIndex(count - 1, { align: 'end' });
  }, [virtualizer, isFollowing, count]);
  useEffect(() => {
    if (at !== undefined) virtualizer.scrollToIndex(at, { align: 'center' });
  }, [virtualizer, at]);
  useEffect(() => {
    if (wanted !== undefined) virtualizer.scrollToIndex(wanted.line, { align: 'start' });
  }, [virtualizer, wanted]);

  const step = (by: number): void => {
    setFollowing(false);
    setPlace((now) => (found.length === 0 ? 0 : (now + by + found.length) % found.length));
  };
  return (
    <div className={styles['logBox']}>
      <div className={styles['logBar']}>
        <form
          role="search"
          className={styles['logSearch']}
          onSubmit={(event) => {
            event.preventDefault();
            step(1);
          }}
        >
          <TextField
            label="Search the log"
            labelHidden
            type="search"
            placeholder="Search the log"
            value={text}
            onChange={(event) => {
              setText(event.target.value);
              setPlace(0);
              setFollowing(false);
            }}
          />
          <Button small type="submit" disabled={found.length === 0}>
            Next
          </Button>
          <Button
            small
            disabled={found.length === 0}
            onClick={() => {
              step(-1);
            }}
          >
            Previous
          </Button>
          <span role="status" className={styles['logCount']}>
            {sought === ''
              ? countText(count, 'line')
              : found.length === 0
                ? 'not found'
                : `${(place % found.length) + 1} of ${found.length.toLocaleString('en')}`}
          </span>
        </form>
        {isRunning && (
          <Button
            small
            aria-pressed={isFollowing}
            onClick={() => {
              setFollowing(!isFollowing);
            }}
          >
            {isFollowing ? 'Pause' : 'Follow'}
          </Button>
        )}
        <a className={buttonClass()} href={download} download={filename}>
          Download
        </a>
      </div>
      <div
        ref={box}
        role="log"
        aria-label="Log"
        aria-live="off"
        tabIndex={0}
        className={styles['log']}
        onWheel={(event) => {
          if (event.deltaY < 0) setFollowing(false);
        }}
        onKeyDown={(event) => {
          if (/^(ArrowUp|PageUp|Home)$/.test(event.key)) setFollowing(false);
          if (event.key === 'End' && isRunning) setFollowing(true);
        }}
        onTouchMove={() => {
          setFollowing(false);
        }}
      >
        <div className={styles['logBody']} style={{ height: virtualizer.getTotalSize() }}>
          {virtualizer.getVirtualItems().map((item) => {
            const line = log.lines[item.index] ?? '';
            return (
              <div
                key={item.key}
                className={styles['line']}
                data-stage={/^\[\d+\/\d+\] /.test(line) || undefined}
                data-at={item.index === at || undefined}
                style={{ transform: `translateY(${item.start}px)`, height: lineHeight }}
              >
                <span aria-hidden="true">{item.index + 1}</span>
                <code>
                  <Marked line={line} text={sought} />
                </code>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
};
