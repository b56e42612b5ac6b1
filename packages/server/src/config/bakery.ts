import * as z from 'zod';
import { Listen, whole } from './values.js';

/** The API of Bakery. */
export const bakery = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe('Answer the API of Bakery below `/k/<key>/api/v1`, for clients that send no headers.'),
    autoAdopt: z
      .boolean()
      .optional()
      .describe(
        'Whether boards are available as soon as they appear, as in Bakery, or are adopted first. It has to be said where `bakery.enabled` is true.',
      ),
    keepDisksDays: whole(0, 36_500)
      .default(7)
      .describe(
        'How long disks that were attached to a board stay when that is given back through that API, hidden from it, in days.',
      ),
    open: z
      .array(Listen)
      .default([])
      .describe(
        'Addresses where that API is answered below `/api/v1` without a key: whoever reaches them may do what an operator of the first tenant may. Empty: nowhere.',
      ),
    rootMode: z
      .enum(['nbd', 'nfs', 'ram', 'stream'])
      .default('nbd')
      .describe(
        'Root mode of what is baked through that API: `nbd` is a disk that the board keeps until it is given back, `nfs` a directory, as Bakery had it.',
      ),
  })
  .refine(({ enabled, autoAdopt }) => !enabled || autoAdopt !== undefined, {
    path: ['autoAdopt'],
    message:
      'has to be said: true takes every board that appears, as Bakery does; false waits for `drover device adopt`',
  })
  .prefault({});
