import type { TimelineEntry } from '@drover/contract';
import { bytesText, clockText, durationText, safeText, speedText } from './format.js';
import { paint, type Io, type Style } from './io.js';

interface Line {
  readonly what: string;
  readonly text: string;
  readonly style?: Style;
  /** Further lines, indented. */
  readonly more?: readonly string[];
}

type Transfer = Extract<TimelineEntry, { type: 'tftp.file' | 'http.file' | 'root.download' }>;

const transferText = (entry: Transfer): string => {
  const name = safeText(entry.path);
  if (entry.outcome === 'absent') return `${name}: not there`;
  const size = `${name}  ${bytesText(entry.bytes)} in ${durationText(entry.ms)}  ${speedText(entry.bytes, entry.ms)}`;
  const detail = entry.detail === undefined ? '' : `: ${safeText(entry.detail)}`;
  return entry.outcome === 'complete' ? size.trimEnd() : `${size.trimEnd()} (${entry.outcome}${detail})`;
};

const transferStyle = (entry: Transfer): Style | undefined => {
  if (entry.outcome === 'complete') return undefined;
  return entry.outcome === 'absent' || entry.outcome === 'probe' ? 'dim' : 'yellow';
};

const transferLine = (what: string, entry: Transfer): Line => {
  const style = transferStyle(entry);
  const retransmits =
    entry.type === 'tftp.file' && entry.retransmits > 0 ? `, ${entry.retransmits} blocks sent again` : '';
  return { what, text: transferText(entry) + retransmits, ...(style === undefined ? {} : { style }) };
};

const reportLine = (entry: Extract<TimelineEntry, { type: 'report' }>): Line => {
  const uptime = entry.uptime === undefined ? '' : ` (${entry.uptime.toFixed(1)} s after the kernel started)`;
  const message = entry.message === '' ? '' : ` ${safeText(entry.message)}`;
  const isUp = entry.step === 'up' && entry.state === 'ok';
  const style: Style | undefined = isUp ? 'green' : entry.state === 'failed' ? 'red' : undefined;
  const state = entry.state === 'ok' || entry.state === 'info' ? '' : ` ${entry.state}`;
  return {
    what: isUp ? 'up' : 'board',
    text: `${safeText(entry.step)}${state}${message}${uptime}`,
    ...(style === undefined ? {} : { style }),
  };
};

const endedLine = (entry: Extract<TimelineEntry, { type: 'session.ended' }>): Line => ({
  what: 'end',
  text: entry.outcome,
  style: entry.outcome === 'up' ? 'green' : 'red',
  ...(entry.verdict === null
    ? {}
    : { more: [safeText(entry.verdict.message), `What to do: ${safeText(entry.verdict.remedy)}`] }),
});

const ways = { disconnect: 'detached', lost: 'lost', 'cut-off': 'cut off', ended: 'ended' } as const;

const detachedLine = (entry: Extract<TimelineEntry, { type: 'disk.detached' }>): Line => ({
  what: 'disk',
  text: [
    `${entry.disk} ${ways[entry.by]} after ${durationText(entry.ms)}`,
    `${bytesText(entry.readBytes)} read`,
    `${bytesText(entry.writtenBytes)} written`,
    ...(entry.detail === undefined ? [] : [safeText(entry.detail)]),
  ].join(', '),
  ...(entry.by === 'disconnect' ? {} : { style: 'yellow' as const }),
});

const bootFilesLine = (entry: Extract<TimelineEntry, { type: 'boot.files' }>): Line => ({
  what: 'files',
  text:
    entry.from === 'image'
      ? `of the image${entry.warnings.length === 0 ? `, as ${entry.disk} has no others` : ''}`
      : `of ${entry.disk}: ${entry.files} ${entry.files === 1 ? 'file' : 'files'} (${bytesText(entry.bytes)}) are its own`,
  ...(entry.warnings.length === 0 ? {} : { style: 'yellow' as const, more: entry.warnings.map(safeText) }),
});

const cardLine = (entry: Extract<TimelineEntry, { type: 'card.asked' }>): Line => ({
  what: 'card',
  text: [
    `${entry.outcome === 'booting' ? 'boots' : entry.outcome}, from ${entry.address} with kernel ${safeText(entry.release)}`,
    ...(entry.reason === undefined ? [] : [safeText(entry.reason)]),
  ].join(': '),
  ...(entry.outcome === 'refused' ? { style: 'red' as const } : {}),
});

type Exchanged = Extract<TimelineEntry, { type: 'exchange' }>;

const exchangeText = ({ outcome, address, other }: Exchanged): string => {
  if (other === undefined) return `${outcome} from ${address}`;
  return other.isUp
    ? `refused to ${address}, as the board itself is up at ${other.address || 'another address'}`
    : `somebody at ${other.address} asked in its name, in ${other.session}, and was refused`;
};

/** One entry in words. */
export const describeEntry = (entry: TimelineEntry): Line => {
  switch (entry.type) {
    case 'dhcp.discover':
      return {
        what: 'dhcp',
        text: `DISCOVER from ${entry.mac} (${entry.firmware}) on ${entry.interface}${entry.relay === undefined ? '' : ` through relay ${entry.relay}`}`,
      };
    case 'dhcp.request':
      return {
        what: 'dhcp',
        text: `REQUEST from ${entry.mac}${entry.address === undefined ? '' : ` for ${entry.address}`}`,
      };
    case 'dhcp.offer':
      return { what: 'dhcp', text: `OFFER from ${entry.server} after ${durationText(entry.delayMs)}` };
    case 'dhcp.ignored':
      return { what: 'dhcp', text: `ignored: ${safeText(entry.reason)}`, style: 'dim' };
    case 'dhcp.rival':
      return {
        what: 'dhcp',
        text: `another server (${entry.server}) answers too, with options ${entry.options.join(', ')}`,
        style: 'yellow',
      };
    case 'tftp.file':
      return transferLine('tftp', entry);
    case 'http.file':
      return transferLine('http', entry);
    case 'root.download':
      return transferLine('root', entry);
    case 'disk.attached':
      return {
        what: 'disk',
        text: `${entry.disk} attached from ${entry.address}${entry.readOnly ? ', read only' : ''}`,
      };
    case 'disk.grown':
      return {
        what: 'disk',
        text: `partition ${entry.partition} of ${entry.disk} grown from ${bytesText(entry.before)} to ${bytesText(entry.after)}`,
      };
    case 'disk.not-grown':
      return {
        what: 'disk',
        text: `partition ${entry.partition} of ${entry.disk} does not grow with its disk: ${safeText(entry.reason)}`,
        style: 'yellow',
      };
    case 'disk.detached':
      return detachedLine(entry);
    case 'nfs.moved':
      return { what: 'nfs', text: `its directories are exported to ${entry.to} now, no longer to ${entry.from}` };
    case 'nfs.refused':
      return {
        what: 'nfs',
        text: `somebody with its hardware address asked for ${entry.to} while it is at ${entry.from}`,
        style: 'red',
      };
    case 'boot.files':
      return bootFilesLine(entry);
    case 'card.asked':
      return cardLine(entry);
    case 'exchange':
      return {
        what: 'secret',
        text: exchangeText(entry),
        ...(['granted', 'repeated', 'not-ready'].includes(entry.outcome) ? {} : { style: 'red' as const }),
      };
    case 'report':
      return reportLine(entry);
    case 'log':
      return {
        what: 'log',
        text: entry.source,
        style: 'dim',
        more: entry.text.trimEnd().split('\n').map(safeText),
      };
    case 'session.opened':
      return { what: 'boot', text: entry.generation === null ? 'begins, nothing to boot' : 'begins', style: 'bold' };
    case 'session.ended':
      return endedLine(entry);
  }
};

/** One entry as a line (or a few) of a watch: time, device, kind, words. */
export const entryText = (io: Io, device: string, entry: TimelineEntry): string => {
  const { what, text, style, more = [] } = describeEntry(entry);
  const head = `${paint(io, 'dim', clockText(entry.at))}  ${device === '' ? '' : `${device}  `}${what.padEnd(6)}  `;
  const indent = ' '.repeat(14);
  return [head + (style === undefined ? text : paint(io, style, text)), ...more.map((line) => indent + line)]
    .map((line) => `${line}\n`)
    .join('');
};
