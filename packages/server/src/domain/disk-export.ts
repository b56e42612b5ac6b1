import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Names of exports. A board is told a name that nobody can guess, for one disk and one boot session; like the secrets of sessions it is derived from the
 * boot key and kept nowhere, so that it is good after a restart of either plane.
 */
export interface ExportName {
  readonly session: string;
  /** Id of a disk, or `image`: the image that is assigned, to read only. */
  readonly what: string;
  /** Whether the name comes with the session's secret for other addresses. */
  readonly mayMove: boolean;
}

const form = /^(bs_[0-9A-HJKMNP-TV-Z]{26})\.(dsk_[0-9A-HJKMNP-TV-Z]{26}|image)\.([0-9a-f]{32})(?:\.([0-9a-f]{32}))?$/;

const tag = (bootKey: string, text: string): string =>
  createHmac('sha256', Buffer.from(bootKey, 'hex')).update(text).digest('hex').slice(0, 32);

const equal = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

/** The name by which a board of that session opens a disk, or (`image`) the image it was assigned. `bootKey`: 64 hex digits. */
export const exportName = (bootKey: string, session: string, what: string): string =>
  `${session}.${what}.${tag(bootKey, `export:${session}:${what}`)}`;

/** What a board appends to the name, behind a dot, to go on from another address: 32 hex digits. */
export const moveSecret = (bootKey: string, session: string): string => tag(bootKey, `export-move:${session}`);

/** What a genuine name stands for; undefined for every other text. Compares in constant time. */
export function readExportName(bootKey: string, name: string): ExportName | undefined {
  const [, session = '', what = '', given = '', secret] = form.exec(name) ?? [];
  if (session === '' || !equal(tag(bootKey, `export:${session}:${what}`), given)) return undefined;
  if (secret !== undefined && !equal(moveSecret(bootKey, session), secret)) return undefined;
  return { session, what, mayMove: secret !== undefined };
}
