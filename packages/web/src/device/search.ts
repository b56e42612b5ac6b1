/** Parts of the page of a board, in the order of its tabs. */
export const deviceTabs = ['boot', 'disks', 'power', 'config', 'console'] as const;
export type DeviceTab = (typeof deviceTabs)[number];

export interface DeviceSearch {
  /** An earlier boot. */
  readonly session?: string;
  /** Left out: the boot. */
  readonly tab?: Exclude<DeviceTab, 'boot'>;
}

/** What the address says of the page of a board; what makes no sense is left out. */
export const readDeviceSearch = (search: Record<string, unknown>): DeviceSearch => {
  const { session } = search;
  const tab = deviceTabs.find((each) => each === search['tab']);
  return {
    ...(typeof session === 'string' && session !== '' ? { session } : {}),
    ...(tab === undefined || tab === 'boot' ? {} : { tab }),
  };
};

/** The address of a tab: an earlier boot stays the one that is looked at. */
export const searchOf = (tab: DeviceTab, session: string | undefined): DeviceSearch =>
  readDeviceSearch({ tab, session });

/** The tab that a key leads to from `at` (WAI-ARIA Authoring Practices, tabs); undefined: the key is for nothing. */
export const tabAfter = (key: string, at: DeviceTab): DeviceTab | undefined => {
  const index = deviceTabs.indexOf(at);
  const count = deviceTabs.length;
  const to: Readonly<Record<string, number>> = {
    ArrowRight: (index + 1) % count,
    ArrowLeft: (index + count - 1) % count,
    Home: 0,
    End: count - 1,
  };
  const found = to[key];
  return found === undefined ? undefined : deviceTabs[found];
};
