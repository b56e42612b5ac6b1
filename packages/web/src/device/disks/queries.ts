import type { Job } from '@drover/contract';
import { queryOptions } from '@tanstack/react-query';
import { client } from '../../api/client.js';
import { queryClient } from '../../api/queries.js';

/** Disks that a board has: its system disk and its data disks. */
export const disksOf = (device: string) =>
  queryOptions({
    queryKey: ['disks', 'of', device],
    queryFn: async ({ signal }) =>
      Array.fromAsync(client.each('listDisks', { query: { device, limit: 100 } }, { signal })),
  });

/** Every data disk of the tenant. */
export const dataDisks = queryOptions({
  queryKey: ['disks', 'data'],
  queryFn: async ({ signal }) =>
    Array.fromAsync(client.each('listDisks', { query: { role: 'data', limit: 500 } }, { signal })),
});

export const snapshotsOf = (disk: string) =>
  queryOptions({
    queryKey: ['disks', disk, 'snapshots'],
    queryFn: async ({ signal }) => (await client.disks.snapshots({ params: { ref: disk } }, { signal })).items,
  });

/** Backups of one disk, newest first. */
export const backupsOf = (disk: string) =>
  queryOptions({
    queryKey: ['disks', disk, 'backups'],
    queryFn: async ({ signal }) =>
      Array.fromAsync(client.each('listBackups', { query: { disk, limit: 100 } }, { signal })),
  });

/** Every backup that can be seen, newest first. */
export const allBackups = queryOptions({
  queryKey: ['disks', 'backups'],
  queryFn: async ({ signal }) => Array.fromAsync(client.each('listBackups', { query: { limit: 500 } }, { signal })),
});

/** The last job about something, whatever became of it; null: there was none. */
export const lastJobAbout = (subject: string, kind?: Job['kind']) =>
  queryOptions({
    queryKey: ['jobs', 'about', subject, kind ?? ''],
    queryFn: async ({ signal }) => {
      const query = { subject, limit: 1, ...(kind === undefined ? {} : { kind }) };
      return (await client.jobs.list({ query }, { signal })).items[0] ?? null;
    },
  });

/** What was asked for is read anew at once, before an event tells of it. */
export const readDisksAnew = (): void => {
  void queryClient.invalidateQueries({ queryKey: ['disks'] });
  void queryClient.invalidateQueries({ queryKey: ['jobs'] });
};
