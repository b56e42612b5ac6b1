import type { ClusterCache } from '@drover/disk-image';
import type { BoardLogs, BoardLogsStats } from '../app/boot/plane/board-logs.js';
import type { TransferEnd } from '../app/boot/plane/ports.js';
import type { NbdClosedEvent, NbdListener } from '../listeners/nbd/index.js';
import type { TelemetryQueue } from '../app/boot/plane/telemetry.js';

export interface CounterValue {
  readonly name: CounterName;
  /** What it is when it is no counter. */
  readonly type?: 'gauge';
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

type CacheCounts = Pick<ClusterCache, 'hits' | 'misses' | 'readBytes'>;

export interface Counters {
  read(): readonly CounterValue[];
  watch(telemetry: TelemetryQueue, imageCache: CacheCounts, logs: Pick<BoardLogs, 'stats'>): void;
  /** Connections to disks that are open, and what went over them so far. */
  watchDisks(nbd: Pick<NbdListener, 'active' | 'traffic'>): void;
  /** A request of boot HTTP is over; `status` is that of its answer. */
  readonly answered: (status: number) => void;
  /** Bytes of files and roots that boot HTTP has sent, as they go. */
  readonly sent: (bytes: number) => void;
  /** A TFTP request is over. */
  readonly ended: (outcome: TransferEnd['outcome'] | 'absent', bytes: number, retransmits: number) => void;
  /** A datagram of a log came. */
  readonly heard: (outcome: string) => void;
  /** A connection to a disk is over. */
  readonly detached: (event: Pick<NbdClosedEvent, 'by' | 'traffic'>) => void;
}

export interface CounterFacts {
  readonly help: string;
  readonly labels: readonly string[];
  /** What it is when it is no counter. */
  readonly kind?: 'gauge';
}

/** What each counter counts, and its labels: for docs/reference/metrics.md. Nothing is told that is not here. */
export const counterTable = {
  drover_tftp_requests_total: { help: 'TFTP requests by how they ended', labels: ['outcome'] },
  drover_tftp_bytes_total: { help: 'Bytes sent over TFTP and acknowledged', labels: [] },
  drover_tftp_retransmits_total: { help: 'TFTP blocks sent again', labels: [] },
  drover_boot_http_requests_total: { help: 'Requests of boards over HTTP, by kind of status', labels: ['status'] },
  drover_boot_http_bytes_total: { help: 'Bytes of files and roots sent over HTTP', labels: [] },
  drover_nbd_connections: { help: 'Connections to disks and roots that are open', labels: [], kind: 'gauge' },
  drover_nbd_connections_total: { help: 'Connections to disks that are over, by how they ended', labels: ['end'] },
  drover_nbd_requests_total: { help: 'Requests to disks and roots', labels: [] },
  drover_nbd_bytes_total: { help: 'Bytes read from and written to disks and roots', labels: ['direction'] },
  drover_image_cache_clusters_total: { help: 'Reads of images, by whether they were in memory', labels: ['found'] },
  drover_image_cache_read_bytes_total: { help: 'Bytes of images read from the disk of the server', labels: [] },
  drover_log_datagrams_total: { help: 'Datagrams of logs (boot.logs)', labels: ['outcome'] },
  drover_log_lines_total: {
    help: 'Lines of logs: kept, of addresses no board has, and more than is kept',
    labels: ['outcome'],
  },
  drover_boot_telemetry_total: {
    help: 'News of boots that went to the control plane, or were lost',
    labels: ['state'],
  },
  drover_boot_plane_resident_bytes: { help: 'Memory of the boot plane', labels: [], kind: 'gauge' },
  drover_boot_plane_event_loop_delay_seconds: {
    help: 'By how much the latest timer of the boot plane was late since it was last asked',
    labels: [],
    kind: 'gauge',
  },
} as const satisfies Readonly<Record<string, CounterFacts>>;

export type CounterName = keyof typeof counterTable;

const noLines: BoardLogsStats = { kept: 0, unknown: 0, dropped: 0 };

/** What the boot plane counts, as /metrics names it. */
export function createCounters(): Counters {
  const requests = new Map<string, number>();
  const detachments = new Map<string, number>();
  const datagrams = new Map<string, number>();
  let [bytes, retransmits] = [0, 0];
  const answers = new Map<string, number>();
  let httpBytes = 0;
  let [diskRead, diskWritten, diskRequests] = [0, 0, 0];
  let disks: Pick<NbdListener, 'active' | 'traffic'> | undefined;
  let queue: TelemetryQueue | undefined;
  let boardLogs: Pick<BoardLogs, 'stats'> | undefined;
  let cache: CacheCounts = { hits: 0, misses: 0, readBytes: 0 };
  return {
    watch: (telemetry, imageCache, logs) => {
      boardLogs = logs;
      queue = telemetry;
      cache = imageCache;
    },
    watchDisks: (nbd) => {
      disks = nbd;
    },
    answered: (status) => {
      const kind = `${Math.floor(status / 100)}xx`;
      answers.set(kind, (answers.get(kind) ?? 0) + 1);
    },
    sent: (count) => {
      httpBytes += count;
    },
    ended: (outcome, sent, again) => {
      retransmits += again;
      requests.set(outcome, (requests.get(outcome) ?? 0) + 1);
      bytes += sent;
    },
    heard: (outcome) => void datagrams.set(outcome, (datagrams.get(outcome) ?? 0) + 1),
    detached: ({ by, traffic }) => {
      detachments.set(by, (detachments.get(by) ?? 0) + 1);
      diskRead += traffic.readBytes;
      diskWritten += traffic.writtenBytes;
      diskRequests += traffic.readRequests + traffic.writeRequests + traffic.otherRequests;
    },
    read: () => {
      const lines = boardLogs?.stats() ?? noLines;
      const { sent = 0, dropped = 0 } = queue?.stats() ?? {};
      const open = disks?.traffic();
      const openRequests = open === undefined ? 0 : open.readRequests + open.writeRequests + open.otherRequests;
      const one = (name: CounterName, labels: Record<string, string>, value: number): CounterValue => ({
        name,
        labels,
        value,
      });
      return [
        ...[...requests].map(([outcome, value]) => one('drover_tftp_requests_total', { outcome }, value)),
        one('drover_tftp_bytes_total', {}, bytes),
        one('drover_tftp_retransmits_total', {}, retransmits),
        ...[...detachments].map(([by, value]) => one('drover_nbd_connections_total', { end: by }, value)),
        ...[...answers].map(([status, value]) => one('drover_boot_http_requests_total', { status }, value)),
        one('drover_boot_http_bytes_total', {}, httpBytes),
        { ...one('drover_nbd_connections', {}, disks?.active().serving ?? 0), type: 'gauge' },
        one('drover_nbd_requests_total', {}, diskRequests + openRequests),
        one('drover_nbd_bytes_total', { direction: 'read' }, diskRead + (open?.readBytes ?? 0)),
        one('drover_nbd_bytes_total', { direction: 'written' }, diskWritten + (open?.writtenBytes ?? 0)),
        one('drover_image_cache_clusters_total', { found: 'yes' }, cache.hits),
        one('drover_image_cache_clusters_total', { found: 'no' }, cache.misses),
        one('drover_image_cache_read_bytes_total', {}, cache.readBytes),
        ...[...datagrams].map(([outcome, value]) => one('drover_log_datagrams_total', { outcome }, value)),
        one('drover_log_lines_total', { outcome: 'kept' }, lines.kept),
        one('drover_log_lines_total', { outcome: 'unknown' }, lines.unknown),
        one('drover_log_lines_total', { outcome: 'dropped' }, lines.dropped),
        one('drover_boot_telemetry_total', { state: 'sent' }, sent),
        one('drover_boot_telemetry_total', { state: 'dropped' }, dropped),
      ];
    },
  };
}
