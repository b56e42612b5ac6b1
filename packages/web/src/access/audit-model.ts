import { routes, type AuditEntry, type Route } from '@drover/contract';
import type { AuditSearch } from './search.js';

const others: Readonly<Record<string, string>> = {
  logIn: 'Log in to the dashboard',
  logOut: 'Log out of the dashboard',
};

/** What an operation does, as the description of the API says it. */
export const operationText = (operation: string): string => {
  const route: Route | undefined = (routes as Readonly<Record<string, Route>>)[operation];
  return route?.summary ?? others[operation] ?? operation;
};

export const wasRefused = ({ outcome }: Pick<AuditEntry, 'outcome'>): boolean => outcome !== 'ok';

/** Entries that fit what is searched for: in all that is shown of them, upper and lower case alike. Pure. */
export const filterAudit = (entries: readonly AuditEntry[], { q, refused }: AuditSearch): readonly AuditEntry[] => {
  if (q === undefined && refused === undefined) return entries;
  const wanted = (q ?? '').toLowerCase();
  return entries.filter((entry) => {
    if (refused === true && !wasRefused(entry)) return false;
    const { keyName, operation, subject, outcome, address } = entry;
    const said = [keyName, operation, operationText(operation), subject ?? '', outcome, address];
    return said.some((text) => text.toLowerCase().includes(wanted));
  });
};
