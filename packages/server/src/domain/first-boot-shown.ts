import type { FirstBoot, FirstBootSettings } from '@drover/contract';

interface Kept {
  readonly settings: FirstBootSettings;
  readonly warnings: readonly string[];
  readonly updatedAt: string;
}

const documents = ['userData', 'metaData', 'networkConfig'] as const;

/** First-boot settings without what opens a door. `whole`: with the documents, word for word. */
export function shownFirstBoot({ settings, warnings, updatedAt }: Kept, whole: boolean): FirstBoot {
  const { users, wlan, userData, metaData, networkConfig, ...plain } = settings;
  const hidden = whole ? [] : documents.filter((name) => settings[name] !== undefined);
  return {
    ...plain,
    ...(users === undefined ? {} : { users: users.map(shownUser) }),
    ...(wlan === undefined ? {} : { wlan: shownWlan(wlan) }),
    ...(whole ? { userData, metaData, networkConfig } : {}),
    hidden: [...hidden],
    warnings: [...warnings],
    updatedAt,
  };
}

const shownUser = ({ passwordHash, ...user }: NonNullable<FirstBootSettings['users']>[number]) => ({
  ...user,
  hasPassword: passwordHash !== undefined,
});

const shownWlan = ({ psk, ...wlan }: NonNullable<FirstBootSettings['wlan']>) => ({
  ...wlan,
  hasPsk: psk !== undefined,
});
