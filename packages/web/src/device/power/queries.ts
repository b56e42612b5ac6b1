import { queryOptions } from '@tanstack/react-query';
import { client } from '../../api/client.js';
import { newestFirst } from './model.js';

const shown = 12;
const types = ['power.switched', 'power.proved', 'power.failed'] as const;

export const powerDrivers = queryOptions({
  queryKey: ['power-drivers'],
  queryFn: async ({ signal }) => (await client.power.drivers(undefined, { signal })).items,
});

/** The last that was switched, proved or could not be, newest first. */
export const powerEvents = (device: string) =>
  queryOptions({
    queryKey: ['devices', device, 'power-events'],
    queryFn: async ({ signal }) => {
      const pages = await Promise.all(
        types.map((type) =>
          client.events.list({ query: { subject: device, type, order: 'newest', limit: shown } }, { signal }),
        ),
      );
      return newestFirst(
        pages.map(({ items }) => items),
        shown,
      );
    },
  });
