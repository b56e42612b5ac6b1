import type { ClusterCache } from '@drover/disk-image';
import type { TransferEnd } from '../app/boot/plane/ports.js';
import type { NbdClosedEvent } from '../listeners/nbd/index.js';
import type { TelemetryQueue } from '../app/boot/plane/telemetry.js';

export interface CounterValue {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

type CacheCounts = Pick<ClusterCache, 'hits' | 'misses' | 'readBytes'>;

export interface Counters {
  read(): readonly CounterValue[];
  watch(telemetry: TelemetryQueue, imageCache: CacheCounts): void;
  /** A TFTP request is over. */
  readonly ended: (outcome: TransferEnd['outcome'] | 'absent', bytes: number) => void;
  /** A connection to a disk is over. */
  readonly detached: (event: Pick<NbdClosedEvent, 'by' | 'traffic'>) => void;
}

/** What the boot plane counts, as /metrics names it. */
export function createCounters(): Counters {
  const requests = new Map<string, number>();
  const detachments = new Map<string, number>();
  let bytes = 0;
  let [diskRead, diskWritten] = [0, 0];
  let queue: TelemetryQueue | undefined;
  let cache: CacheCounts = { hits: 0, misses: 0, readBytes: 0 };
  return {
    watch: (telemetry, imageCache) => {
      queue = telemetry;
      cache = imageCache;
    },
    ended: (outcome, sent) => {
      requests.set(outcome, (requests.get(outcome) ?? 0) + 1);
      bytes += sent;
    },
    detached: ({ by, traffic }) => {
      detachments.set(by, (detachments.get(by) ?? 0) + 1);
      diskRead += traffic.readBytes;
      diskWritten += traffic.writtenBytes;
    },
    read: () => {
      const { sent = 0, dropped = 0 } = queue?.stats() ?? {};
      const one = (name: string, labels: Record<string, string>, value: number): CounterValue => ({
        name,
        labels,
        value,
      });
      return [
        ...[...requests].map(([outcome, value]) => one('drover_tftp_requests_total', { outcome }, value)),
        one('drover_tftp_bytes_total', {}, bytes),
        ...[...detachments].map(([by, value]) => one('drover_nbd_connections_total', { end: by }, value)),
        one('drover_nbd_bytes_total', { direction: 'read' }, diskRead),
        one('drover_nbd_bytes_total', { direction: 'written' }, diskWritten),
        one('drover_image_cache_clusters_total', { found: 'yes' }, cache.hits),
        one('drover_image_cache_clusters_total', { found: 'no' }, cache.misses),
        one('drover_image_cache_read_bytes_total', {}, cache.readBytes),
        one('drover_boot_telemetry_total', { state: 'sent' }, sent),
        one('drover_boot_telemetry_total', { state: 'dropped' }, dropped),
      ];
    },
  };
}
