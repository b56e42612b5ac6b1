import * as z from 'zod';
import { whole } from './values.js';

/** Serial consoles of boards. */
export const consoles = z
  .strictObject({
    ssh: z
      .strictObject({
        key: z
          .string()
          .startsWith('/', 'is not an absolute path')
          .optional()
          .describe('Private key, without a passphrase, for serial consoles over ssh. Unset: there are none.'),
        knownHosts: z
          .string()
          .startsWith('/', 'is not an absolute path')
          .optional()
          .describe(
            'Keys of the hosts that have them, as `ssh-keyscan` prints them. A host that is not in there is not spoken to.',
          ),
      })
      .prefault({}),
    localAddresses: z
      .boolean()
      .default(false)
      .describe('Let consoles be on this machine itself (loopback) and at link-local addresses.'),
    idleSeconds: whole(1, 86_400)
      .default(60)
      .describe('A console nobody looks at is closed after so long, so that somebody else can have it.'),
  })
  .prefault({});
