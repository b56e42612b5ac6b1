import type { Device, TimelineMessage } from '@drover/contract';

/** A line of what is heard on the network. */
export interface WireLine {
  readonly key: string;
  readonly at: string;
  readonly device: string;
  readonly text: string;
}

/** Lines kept. */
const most = 60;

const textOf = (entry: TimelineMessage['entry']): string | undefined => {
  switch (entry.type) {
    case 'dhcp.discover':
      return `asks who can boot it (${entry.mac}, on ${entry.interface})`;
    case 'dhcp.offer':
      return 'was told to boot from here';
    case 'dhcp.ignored':
      return `was not answered: ${entry.reason}`;
    case 'dhcp.rival':
      return `is also told where to boot from by ${entry.server}: switch that off there`;
    case 'tftp.file':
    case 'http.file':
      return entry.outcome === 'complete' ? `got ${entry.path}` : undefined;
    case 'card.asked':
      return `asks by its card what to boot: ${entry.outcome}`;
    case 'exchange':
      return entry.outcome === 'granted' ? 'showed its secret' : undefined;
    case 'report':
      return entry.step === 'up' && entry.state === 'ok' ? 'is up' : undefined;
    case 'session.ended':
      return entry.verdict === null ? undefined : entry.verdict.message;
    default:
      return undefined;
  }
};

/** The newest first; what says the same of the same board right after is left out. */
export const withWireLine = (
  lines: readonly WireLine[],
  { session, seq, device, entry }: TimelineMessage,
): readonly WireLine[] => {
  const text = textOf(entry);
  const key = `${session}.${seq}`;
  if (text === undefined || lines.some((line) => line.key === key)) return lines;
  const [last] = lines;
  const line = { key, at: entry.at, device, text };
  if (last?.device === device && last.text === text) return [line, ...lines.slice(1)];
  return [line, ...lines].slice(0, most);
};

/** Boards that somebody has just plugged in: those seen lately that belong to nobody, the latest first. */
export const newcomers = (devices: readonly Device[]): readonly Device[] =>
  devices
    .filter(({ state }) => state === 'discovered')
    .sort((a, b) => (b.lastSeenAt ?? '').localeCompare(a.lastSeenAt ?? ''));
