import { useSyncExternalStore } from 'react';

/** `auto`: as the system is. */
export const themes = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const place = 'drover.theme';
const listeners = new Set<() => void>();

const stored = (): Theme => {
  try {
    const text = localStorage.getItem(place);
    return themes.find((theme) => theme === text) ?? 'auto';
  } catch {
    // A browser may keep nothing for us.
    return 'auto';
  }
};

let current = stored();

const apply = (): void => {
  if (current === 'auto') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = current;
};
apply();

export const setTheme = (theme: Theme): void => {
  current = theme;
  apply();
  try {
    localStorage.setItem(place, theme);
  } catch {
    // It counts for this page then.
  }
  for (const listener of listeners) listener();
};

export const useTheme = (): Theme =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    () => current,
  );
