import { withTimeLimit } from '@drover/contract';
import type { ListOperation } from '@drover/sdk';
import { createClient } from '@drover/sdk';
import { UsageError, type Action } from '../command.js';
import { targetOf } from '../connect.js';
import { readContexts } from '../contexts.js';

/** Nobody who presses a key waits for longer, ms. */
const patienceMs = 2_000;
/** As many as somebody reads. */
const most = 500;

interface Named {
  readonly operation: ListOperation;
  readonly query?: Readonly<Record<string, string>>;
  readonly name: (item: never) => string;
}

const named = (item: { name: string }): string => item.name;
const identified = (item: { id: string }): string => item.id;

/** What a word of a command line may be, by its name in the usage: `<device>`. */
const kinds: Readonly<Record<string, Named>> = {
  device: { operation: 'listDevices', name: named },
  image: { operation: 'listImages', name: (item: { name: string; version: string }) => `${item.name}:${item.version}` },
  disk: { operation: 'listDisks', name: (item: { id: string; name: string | null }) => item.name ?? item.id },
  backup: { operation: 'listBackups', name: identified },
  job: { operation: 'listJobs', name: identified },
  build: { operation: 'listBuilds', name: identified },
  session: { operation: 'listSessions', name: identified },
  request: { operation: 'listProvisionRequests', query: { state: 'waiting' }, name: identified },
  tenant: { operation: 'listTenants', name: named },
};

/** Whether there are names to complete a word with. */
export const isCompleted = (kind: string): boolean => kind === 'context' || Object.hasOwn(kinds, kind);

/** Names of one kind, one a line; nothing at all where they cannot be had in time: who presses a key wants no message. */
export const complete: Action = async (cli, [kind = '']) => {
  if (kind === 'context') {
    for (const name of Object.keys(readContexts(cli.environment.contextFile).contexts)) cli.io.out(`${name}\n`);
    return;
  }
  const wanted = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (wanted === undefined)
    throw new UsageError(`There are no names of ${kind}`, `There are of ${Object.keys(kinds).join(', ')}.`);
  const { server, key } = targetOf(cli);
  const client = createClient({ baseUrl: server, key, attempts: 1 });
  const signal = withTimeLimit(cli.signal, patienceMs);
  let told = 0;
  try {
    for await (const item of client.each(wanted.operation, { query: wanted.query ?? {} } as never, { signal })) {
      const name = wanted.name(item as never);
      // A shell expands what it completes with.
      if (!/^[A-Za-z0-9._:@+-]+$/.test(name)) continue;
      cli.io.out(`${name}\n`);
      if ((told += 1) >= most) return;
    }
  } catch {
    // What came so far is what there is to choose from.
  }
};
