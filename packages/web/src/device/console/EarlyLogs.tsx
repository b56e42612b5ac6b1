import type { BootSession, TimelineEntry } from '@drover/contract';
import { useMemo, useState } from 'react';
import { SelectField } from '../../ui/Field.js';
import { ProblemNotice } from '../../ui/Notice.js';
import { Progress } from '../../ui/Progress.js';
import { Time } from '../../ui/Time.js';
import layout from '../../ui/layout.module.css';
import { useTimeline } from '../use-timeline.js';

type Source = Extract<TimelineEntry, { type: 'log' }>['source'];

const sourceNames: Readonly<Record<Source, string>> = {
  bootloader: 'Bootloader',
  netconsole: 'Kernel, over the network',
  kernel: 'Kernel, told by the board',
  initramfs: 'Initramfs',
  root: 'System',
};

/** What bootloader, kernel and initramfs wrote during one boot, as it comes. */
export const EarlyLogs = ({ session }: { readonly session: BootSession }) => {
  const { items, isLoaded, error } = useTimeline(session.id, session.endedAt === null);
  const [wanted, setWanted] = useState('');
  const logs = useMemo(
    () => items.flatMap(({ seq, entry }) => (entry.type === 'log' ? [{ seq, ...entry }] : [])),
    [items],
  );
  const sources = [...new Set(logs.map(({ source }) => source))];
  const shown = logs.filter(({ source }) => wanted === '' || source === wanted);
  return (
    <section className={layout['panel']} aria-label="Logs of the boot">
      <div className={layout['head']}>
        <h2>Logs of the boot</h2>
        <span className={layout['small']}>
          began <Time at={session.startedAt} />
        </span>
      </div>
      {error !== undefined && <ProblemNotice error={error} />}
      {!isLoaded && logs.length === 0 && error === undefined && (
        <Progress label="Reading the logs" done={0} total={null} />
      )}
      {isLoaded && logs.length === 0 && (
        <p className={layout['muted']}>
          This boot told none. A board sends what its kernel wrote when it fails. Bootloader and kernel can send theirs
          from the first line on: set <code>boot.logs.listen</code>, see “Early logs” in the documentation.
        </p>
      )}
      {sources.length > 1 && (
        <SelectField
          label="Written by"
          value={wanted}
          options={[
            { value: '', label: 'All of them' },
            ...sources.map((value) => ({ value, label: sourceNames[value] })),
          ]}
          onChange={(event) => {
            setWanted(event.target.value);
          }}
        />
      )}
      {shown.length > 0 && (
        <pre className={layout['log']} tabIndex={0} role="region" aria-label="Lines of the boot">
          {shown
            .map(({ source, text }, index) =>
              shown[index - 1]?.source === source ? text : `— ${sourceNames[source]} —\n${text}`,
            )
            .map((text) => (text.endsWith('\n') ? text : `${text}\n`))
            .join('')}
        </pre>
      )}
    </section>
  );
};
