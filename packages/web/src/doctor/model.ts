import type { Check, Finding, Observation } from '@drover/contract';
import { bytesText } from '../ui/format.js';

export const severityLooks = {
  error: { tone: 'bad', form: 'cross', label: 'Error' },
  warning: { tone: 'warn', form: 'triangle', label: 'Warning' },
} as const satisfies Record<Finding['severity'], { tone: string; form: string; label: string }>;

/** What keeps boards from booting first. */
export const worstFirst = (findings: readonly Finding[]): readonly Finding[] =>
  [...findings].sort((a, b) => Number(a.severity !== 'error') - Number(b.severity !== 'error'));

export interface CheckCount {
  readonly done: readonly Check[];
  readonly skipped: readonly Check[];
}

export const countChecks = (checks: readonly Check[]): CheckCount => ({
  done: checks.filter(({ outcome }) => outcome === 'done'),
  skipped: checks.filter(({ outcome }) => outcome === 'skipped'),
});

/** The server about itself; undefined: a report without that. */
export const serverIn = (observations: readonly Observation[]) => observations.find((each) => each.kind === 'server');

/** What the server saw besides what it is, in words; undefined: told elsewhere, or nothing that the server can see. */
export const seenText = (seen: Observation): string | undefined => {
  switch (seen.kind) {
    case 'server.refused':
      return `It cannot serve boards at ${seen.address}: ${seen.reason}`;
    case 'server.rival': {
      const names = [seen.tftpServer, seen.bootFile].filter((each) => each !== null);
      const what = names.length === 0 ? '' : `, naming ${names.join(' and ')}`;
      return `${seen.server} answered a board too, with options ${seen.bootOptions.join(', ')}${what}`;
    }
    case 'server.conflict':
      return seen.reason;
    case 'server.file':
      return `The largest boot file of ${seen.image} is ${seen.path}, ${bytesText(seen.bytes)}`;
    default:
      return undefined;
  }
};

export const modeTexts = {
  proxy: 'beside another DHCP server, which hands out the addresses (proxy)',
  full: 'as the DHCP server of the network (full)',
  off: 'not at all: the DHCP server of the network has to name it (off)',
} as const;
