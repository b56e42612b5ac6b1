import { useEffect, useRef, useState } from 'react';
import { Button } from '../../ui/Button.js';
import { TextField } from '../../ui/Field.js';
import { Notice, ProblemNotice } from '../../ui/Notice.js';
import { StateDot } from '../../ui/State.js';
import layout from '../../ui/layout.module.css';
import { bytesOfKey } from './keys.js';
import type { ScreenView } from './screen.js';
import { useConsole, type WatchedConsole } from './use-console.js';
import styles from './console.module.css';

const looks = {
  looking: { tone: 'ok', form: 'full', label: 'Live' },
  waiting: { tone: 'warn', form: 'triangle', label: 'Lost; trying again' },
  refused: { tone: 'bad', form: 'cross', label: 'Not to be seen' },
} as const;

const Cursor = ({ view: { lines, column } }: { readonly view: ScreenView }) => {
  const last = lines.at(-1) ?? '';
  const padded = last.padEnd(column + 1);
  return (
    <>
      {padded.slice(0, column)}
      <span className={styles['cursor']}>{padded.slice(column, column + 1)}</span>
      {padded.slice(column + 1)}
    </>
  );
};

/** What the console shows; keys go to the board while it has the focus. It follows its end until somebody scrolls up. */
const Shown = ({
  name,
  view,
  type,
}: {
  readonly name: string;
  readonly view: ScreenView;
  readonly type: (text: string) => void;
}) => {
  const box = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    const element = box.current;
    if (element !== null && isAtEnd.current) element.scrollTop = element.scrollHeight;
  }, [view]);
  return (
    <div
      ref={box}
      role="region"
      aria-label={`Console of ${name}`}
      aria-describedby="console-keys"
      tabIndex={0}
      className={styles['screen']}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        isAtEnd.current = scrollTop + clientHeight >= scrollHeight - 24;
      }}
      onKeyDown={(event) => {
        const bytes = bytesOfKey(event, document.getSelection()?.isCollapsed === false);
        if (bytes === undefined) return;
        event.preventDefault();
        isAtEnd.current = true;
        type(bytes);
      }}
      onPaste={(event) => {
        event.preventDefault();
        type(event.clipboardData.getData('text').replaceAll(/\r?\n/g, '\r'));
      }}
    >
      <pre>
        {view.lines
          .slice(0, -1)
          .map((line) => `${line}\n`)
          .join('')}
        <Cursor view={view} />
      </pre>
    </div>
  );
};

const keys: readonly (readonly [string, string])[] = [
  ['Ctrl C', '\u0003'],
  ['Ctrl D', '\u0004'],
  ['Tab', '\t'],
  ['Esc', '\u001b'],
  ['↑', '\u001b[A'],
];
const keyNames: Readonly<Record<string, string>> = { '↑': 'Arrow up' };

/** For phones, for screen readers, and for keys that the browser keeps. */
const Line = ({ type }: { readonly type: (text: string) => void }) => {
  const [text, setText] = useState('');
  return (
    <form
      className={styles['line']}
      onSubmit={(event) => {
        event.preventDefault();
        type(`${text}\r`);
        setText('');
      }}
    >
      <TextField
        label="Type a line"
        value={text}
        spellCheck={false}
        autoCapitalize="off"
        onChange={(event) => {
          setText(event.target.value);
        }}
      />
      <Button type="submit">Send</Button>
      <div className={`${layout['actions']} ${styles['keys']}`}>
        {keys.map(([label, bytes]) => (
          <Button
            key={label}
            small
            aria-label={`Send ${keyNames[label] ?? label}`}
            onClick={() => {
              type(bytes);
            }}
          >
            {label}
          </Button>
        ))}
      </div>
    </form>
  );
};

const Refused = ({ error, again }: Pick<WatchedConsole, 'error' | 'again'>) => (
  <>
    <ProblemNotice error={error} />
    <div>
      <Button onClick={again}>Try again</Button>
    </div>
  </>
);

/** The serial console of a board, live. */
export const ConsoleView = ({ device, name }: { readonly device: string; readonly name: string }) => {
  const { view, state, error, typingError, type, again } = useConsole(device);
  return (
    <>
      <div role="status">
        <StateDot look={looks[state]} />
      </div>
      {state === 'refused' && <Refused error={error} again={again} />}
      {typingError !== undefined && (
        <Notice tone="warn" title="What was typed did not arrive.">
          <ProblemNotice error={typingError} />
        </Notice>
      )}
      <Shown name={name} view={view} type={type} />
      <p id="console-keys" className={layout['small']}>
        Click into it, and each key goes to the board; Tab leaves it. Everybody who looks sees the same line. What is
        typed is not in the audit trail, that somebody typed is.
      </p>
      <Line type={type} />
    </>
  );
};
