import * as z from 'zod';
import { Timestamp } from '../primitives.js';

/**
 * What the server keeps of its last hour. Rates are per second, of counters that may have begun anew; bytes are bytes, delays milliseconds.
 *
 * - `tftp.*`, `http.*`, `nbd.*`: what boards fetched from the boot plane (`http` is its own HTTP, not the API), and `nbd.clients` connections to disks now.
 *   NFS has none: nfs-ganesha and the kernel serve it beside Drover.
 * - `api.requests` and `api.streams`: the API, and event streams that are open.
 * - `boots.running`, `boards.<state>`, `jobs.<state>`: of the whole installation, also where several servers share its database.
 * - `loop.*`: the longest that the event loop of a plane was held up. `memory.*`: resident memory of a plane.
 * - `disk.free`: room left in the data folder.
 */
export const serverSeries = [
  'tftp.bytes',
  'tftp.requests',
  'http.bytes',
  'http.requests',
  'nbd.read',
  'nbd.written',
  'nbd.requests',
  'nbd.clients',
  'api.requests',
  'api.streams',
  'boots.running',
  'boards.discovered',
  'boards.available',
  'boards.preparing',
  'boards.in-use',
  'boards.releasing',
  'boards.failed',
  'jobs.queued',
  'jobs.running',
  'loop.control',
  'loop.boot',
  'memory.control',
  'memory.boot',
  'disk.free',
] as const;
export const ServerSeries = z.enum(serverSeries);
export type ServerSeries = z.infer<typeof ServerSeries>;

/** One thing the server needs to do its work; `detail` says what is wrong and what to do. The same as `/readyz` tells. */
export const ServerCheck = z.object({ name: z.string(), ok: z.boolean(), detail: z.string() });
export type ServerCheck = z.infer<typeof ServerCheck>;

/** How the server that answers does, and how it did. */
export const ServerStats = z.object({
  version: z.string(),
  /** When its control plane began; nothing is older. */
  startedAt: Timestamp,
  checks: z.array(ServerCheck),
  /** Where the API listens, and where boards fetch by HTTP; null where no network interface is up. */
  addresses: z.object({ api: z.array(z.string()), boot: z.string().nullable() }),
  /** Between two samples. */
  intervalSeconds: z.number().int(),
  /** When each sample was taken, oldest first: seconds since 1970 (UTC). */
  at: z.array(z.number().int()),
  /** As many numbers as `at` has; null: it could not be told then. */
  series: z.record(ServerSeries, z.array(z.number().nullable())),
});
export type ServerStats = z.infer<typeof ServerStats>;
