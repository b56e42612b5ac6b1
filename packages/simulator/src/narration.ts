/** What boards do, in words for a person who watches. */
import type { FleetBoardResult, FleetSummary } from './fleet.js';
import type { BoardEvent, BoardStep, FileRequest } from './types.js';

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

const hex = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;

const requestText = ({ path, outcome, size, ms, transport, purpose, message }: FileRequest): string => {
  if (outcome === 'ok') return `${path}, ${size} bytes in ${seconds(ms)}`;
  if (outcome === 'terminated') return `${path} ${purpose === 'duplicate' ? 'asked twice' : 'is there'}`;
  return `${path} over ${transport}: ${outcome}${message === undefined ? '' : ` (${message})`}`;
};

const eventText = (event: BoardEvent): string => {
  switch (event.type) {
    case 'power-on':
      return `${event.model}, ${event.mac}, boot ${event.boot}`;
    case 'dhcp-discover':
      return `${event.client}, attempt ${event.attempt}, ${hex(event.xid)}`;
    case 'dhcp-offer':
      return `from ${event.from}${event.menu ? ' with a boot menu' : ''}: ${event.verdict}`;
    case 'dhcp-ack':
      return `from ${event.from}: ${event.address}`;
    case 'network':
      return `${event.address}, boots from ${event.server}`;
    case 'file':
      return requestText(event.request);
    case 'prefix-dropped':
      return `nothing below ${event.prefix}, asking at the root`;
    case 'eeprom-update':
      return `flashes the update of ${event.timestamp}`;
    case 'loaded':
      return [event.kernel, ...event.initramfs, event.dtb].filter((name) => name !== '').join(', ');
    case 'failed':
      return `${event.step}: ${event.message}; ${event.shows}`;
    case 'os-failed':
      return `${event.reason}: ${event.message}`;
    case 'qemu-start':
      return event.command.join(' ');
    case 'qemu-exit':
      return `code ${event.code ?? event.signal ?? 'unknown'} after ${seconds(event.ms)}`;
    case 'console':
      return event.line;
    default:
      return event.message;
  }
};

/** One step of one board, with the time since it was switched on. */
export const stepText = (step: BoardStep): string =>
  `${seconds(step.at).padStart(9)}  ${step.type.padEnd(14)} ${eventText(step)}`.trimEnd();

/** How one board of a fleet ended. */
export const boardText = ({ identity, address, up, failure, message, attempts, totalMs }: FleetBoardResult): string => {
  const tries = attempts === 1 ? '' : `, attempt ${attempts}`;
  const how = up ? 'up' : `${failure ?? 'failed'}: ${message}`;
  return `${identity.serial} ${identity.model.name.padEnd(4)} ${address.padEnd(15)} ${seconds(totalMs)}${tries}  ${how}`;
};

/** A whole fleet in a few lines. */
export const summaryText = (summary: FleetSummary): string => {
  const { boards, up, failures, firmwareMs, osMs, totalMs, bytes, requests, resent, wallMs } = summary;
  const times = (name: string, { p50, p90, max }: FleetSummary['totalMs']): string =>
    `${name} ${seconds(p50)} at the median, ${seconds(p90)} for nine in ten, ${seconds(max)} at most`;
  return [
    `${up} of ${boards} boards up in ${seconds(wallMs)}`,
    ...(up === 0 ? [] : [times('firmware', firmwareMs), times('system', osMs), times('in all', totalMs)]),
    `${requests} files asked for, ${megabytes(bytes)}, ${resent} packets sent again`,
    ...Object.entries(failures).map(([failure, count]) => `${count} failed: ${failure}`),
  ].join('\n');
};
