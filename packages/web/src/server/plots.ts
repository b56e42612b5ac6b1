import type { ServerSeries } from '@drover/contract';
import { bytesText } from '../ui/format.js';

export type PlotUnit = 'bytesRate' | 'rate' | 'count' | 'ms' | 'bytes';

export interface PlotSeries {
  readonly name: ServerSeries;
  readonly label: string;
}

export interface PlotSpec {
  readonly title: string;
  readonly unit: PlotUnit;
  readonly series: readonly PlotSeries[];
  /** Whether the axis begins at 0: where it does not, the difference is what matters. */
  readonly fromZero: boolean;
}

/** What the page of the server draws, in this order. */
export const plots: readonly PlotSpec[] = [
  {
    title: 'Traffic with boards',
    unit: 'bytesRate',
    fromZero: true,
    series: [
      { name: 'tftp.bytes', label: 'TFTP' },
      { name: 'http.bytes', label: 'HTTP' },
      { name: 'nbd.read', label: 'Disks, read' },
      { name: 'nbd.written', label: 'Disks, written' },
    ],
  },
  {
    title: 'Requests',
    unit: 'rate',
    fromZero: true,
    series: [
      { name: 'tftp.requests', label: 'TFTP' },
      { name: 'http.requests', label: 'HTTP of boards' },
      { name: 'nbd.requests', label: 'Disks' },
      { name: 'api.requests', label: 'API' },
    ],
  },
  {
    title: 'Boots and jobs',
    unit: 'count',
    fromZero: true,
    series: [
      { name: 'boots.running', label: 'Boots under way' },
      { name: 'jobs.running', label: 'Jobs running' },
      { name: 'jobs.queued', label: 'Jobs waiting' },
    ],
  },
  {
    title: 'Boards',
    unit: 'count',
    fromZero: true,
    series: [
      { name: 'boards.in-use', label: 'In use' },
      { name: 'boards.available', label: 'Available' },
      { name: 'boards.preparing', label: 'Preparing' },
      { name: 'boards.releasing', label: 'Releasing' },
      { name: 'boards.failed', label: 'Failed' },
      { name: 'boards.discovered', label: 'Discovered' },
    ],
  },
  {
    title: 'Connections',
    unit: 'count',
    fromZero: true,
    series: [
      { name: 'nbd.clients', label: 'Disks' },
      { name: 'api.streams', label: 'Event streams' },
    ],
  },
  {
    title: 'Longest wait of the event loop',
    unit: 'ms',
    fromZero: true,
    series: [
      { name: 'loop.control', label: 'Control plane' },
      { name: 'loop.boot', label: 'Boot plane' },
    ],
  },
  {
    title: 'Memory',
    unit: 'bytes',
    fromZero: true,
    series: [
      { name: 'memory.control', label: 'Control plane' },
      { name: 'memory.boot', label: 'Boot plane' },
    ],
  },
  {
    title: 'Free room in the data folder',
    unit: 'bytes',
    fromZero: false,
    series: [{ name: 'disk.free', label: 'Free' }],
  },
];

const few = (value: number): string =>
  value.toLocaleString('en', { maximumFractionDigits: value >= 100 ? 0 : value >= 1 ? 1 : 2 });

/** `1.4 MB/s`, `12 /s`, `3`, `1.5 ms`; `not known` for null. */
export const valueText = (value: number | null | undefined, unit: PlotUnit): string => {
  if (value === null || value === undefined) return 'not known';
  if (unit === 'bytes') return bytesText(value);
  if (unit === 'bytesRate') return `${bytesText(value)}/s`;
  if (unit === 'rate') return `${few(value)} /s`;
  return unit === 'ms' ? `${few(value)} ms` : few(value);
};
