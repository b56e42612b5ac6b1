import { Link } from '@tanstack/react-router';
import { useRef, type KeyboardEvent } from 'react';
import { deviceTabs, searchOf, tabAfter, type DeviceTab } from './search.js';
import styles from './tabs.module.css';

const names: Readonly<Record<DeviceTab, string>> = {
  boot: 'Boot',
  disks: 'Disks',
  power: 'Power',
  config: 'Configuration',
  console: 'Console',
};

export const tabId = (tab: DeviceTab): string => `tab-${tab}`;
export const panelId = 'device-panel';

/** Parts of the page of a board, as tabs that are links: arrows go from one to the next, Enter and Space open it (ARIA tabs, activated by hand). */
export const DeviceTabs = ({
  device,
  tab,
  session,
}: {
  readonly device: string;
  readonly tab: DeviceTab;
  readonly session: string | undefined;
}) => {
  const list = useRef<HTMLDivElement>(null);
  const onKey = (event: KeyboardEvent, at: DeviceTab): void => {
    if (event.key === ' ') {
      event.preventDefault();
      if (event.target instanceof HTMLElement) event.target.click();
      return;
    }
    const next = event.ctrlKey || event.metaKey || event.altKey ? undefined : tabAfter(event.key, at);
    if (next === undefined) return;
    event.preventDefault();
    list.current?.querySelector<HTMLElement>(`#${tabId(next)}`)?.focus();
  };
  return (
    <div ref={list} role="tablist" aria-label="Parts of this board" className={styles['tabs']}>
      {deviceTabs.map((each) => (
        <Link
          key={each}
          id={tabId(each)}
          role="tab"
          to="/devices/$ref"
          params={{ ref: device }}
          search={searchOf(each, session)}
          replace
          resetScroll={false}
          className={styles['tab']}
          aria-selected={each === tab}
          aria-controls={each === tab ? panelId : undefined}
          tabIndex={each === tab ? 0 : -1}
          onKeyDown={(event) => {
            onKey(event, each);
          }}
        >
          {names[each]}
        </Link>
      ))}
    </div>
  );
};
