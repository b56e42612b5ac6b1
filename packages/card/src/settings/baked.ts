import type { CardSettings } from '@drover/contract';
import type { CardLines } from './card-conf.js';
import { requireSettings } from './card-conf.js';
import { requireNetwork } from './network.js';
import { requireWifi, ssidOf, wpaSupplicantText, type Wifi } from './wifi.js';

/** What is in the folder `drover` of a boot partition. */
export interface Baked {
  readonly lines: CardLines;
  /** Text of wpa_supplicant.conf. */
  readonly wifi: string | undefined;
}

/** What is asked to be on a card. */
export interface Given {
  readonly settings: CardSettings;
  readonly wifi: Wifi | undefined;
}

/** Throws RefusedError that names what of it a card cannot hold. */
export function requireGiven({ settings, wifi }: Given): void {
  requireSettings(settings);
  if (settings.address !== undefined) requireNetwork(new Map(settingsOf(settings)));
  if (wifi !== undefined) requireWifi(wifi);
}

const settingsOf = (settings: CardSettings): [string, string][] =>
  Object.entries(settings).filter(([, value]) => value !== undefined);

export const nothing: Baked = { lines: new Map(), wifi: undefined };

const wifiName = 'wifi';

/** What a card shall hold: what is given, and of the rest what it held before. `kept` names the latter. Throws RefusedError where they do not go together. */
export function mergeBaked(before: Baked, given: Given): Baked & { readonly kept: readonly string[] } {
  const settings = settingsOf(requireSettings(given.settings));
  const named = new Set(settings.map(([name]) => name));
  const kept = [...before.lines.keys()].filter((name) => !named.has(name));
  const lines = new Map([...before.lines, ...settings]);
  requireNetwork(lines);
  const wifi = given.wifi === undefined ? before.wifi : wpaSupplicantText(given.wifi);
  return {
    lines,
    wifi,
    kept: given.wifi === undefined && wifi !== undefined ? [...kept, wifiName] : kept,
  };
}

/** As many characters of a key as `drover key list` shows. */
const keyHint = (key: string): string => `${key.slice(0, 10)}...`;

/** What is baked in, as it may be shown: no key, no password. */
export function shownBaked({ lines, wifi }: Baked): Readonly<Record<string, string>> {
  const shown = [...lines].map(([name, value]) => [name, name === 'key' ? keyHint(value) : value] as const);
  return Object.fromEntries(wifi === undefined ? shown : [...shown, [wifiName, ssidOf(wifi) ?? 'a network']]);
}
