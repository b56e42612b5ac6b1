import type { CardSettings } from '@drover/contract';
import type { CardLines } from './card-conf.js';
import { requireSettings } from './card-conf.js';
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
  if (wifi !== undefined) requireWifi(wifi);
}

export const nothing: Baked = { lines: new Map(), wifi: undefined };

const wifiName = 'wifi';

/** What a card shall hold: what is given, and of the rest what it held before. `kept` names the latter. */
export function mergeBaked(before: Baked, given: Given): Baked & { readonly kept: readonly string[] } {
  const settings = Object.entries(requireSettings(given.settings)).filter(([, value]) => value !== undefined);
  const named = new Set(settings.map(([name]) => name));
  const kept = [...before.lines.keys()].filter((name) => !named.has(name));
  const wifi = given.wifi === undefined ? before.wifi : wpaSupplicantText(given.wifi);
  return {
    lines: new Map([...before.lines, ...settings]),
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
