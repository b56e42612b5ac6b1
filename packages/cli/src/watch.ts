import type { BootSession, TimelineEntry, TimelineItem, TimelineMessage } from '@drover/contract';
import type { Client } from '@drover/sdk';
import type { Cli } from './command.js';

export interface WatchOptions {
  /** Id of one device; all without. */
  readonly device?: string | undefined;
  readonly signal: AbortSignal;
  readonly onLost?: () => void;
}

/** The last boot of a device as far as it is under way: what a watch that begins in its middle shows first. */
const runningBoot = async (client: Client, device: string, signal: AbortSignal): Promise<BootSession | undefined> => {
  const page = await client.sessions.list({ query: { device, limit: 1 } }, { signal });
  const [last] = page.items;
  return last?.outcome === 'running' ? last : undefined;
};

const itemsOf = async function* (client: Client, session: string, signal: AbortSignal): AsyncGenerator<TimelineItem> {
  yield* client.each('getTimeline', { params: { id: session } }, { signal });
};

/** Timelines as they happen, each item once: a boot under way from its beginning, then live, across lost connections. */
export async function* watchTimelines(client: Client, options: WatchOptions): AsyncGenerator<TimelineMessage> {
  const { device, signal } = options;
  const seen = new Map<string, number>();
  const isNew = ({ session, seq }: { session: string; seq: number }): boolean => {
    if (seq <= (seen.get(session) ?? 0)) return false;
    seen.set(session, seq);
    return true;
  };
  const running = device === undefined ? undefined : await runningBoot(client, device, signal);
  if (running !== undefined) {
    for await (const item of itemsOf(client, running.id, signal)) {
      const message = { ...item, session: running.id, device: running.device };
      if (isNew(message)) yield message;
    }
  }
  const query = device === undefined ? {} : { device };
  const stream = client.follow(
    'watchTimelines',
    { query },
    { signal, onConnection: (state) => (state === 'lost' ? options.onLost?.() : undefined) },
  );
  for await (const { data } of stream) if (isNew(data)) yield data;
}

/** Names of devices by id, asked for once each. */
export const createNames = (client: Client, signal: AbortSignal) => {
  const names = new Map<string, Promise<string>>();
  return (id: string): Promise<string> => {
    const known =
      names.get(id) ??
      client.devices.get({ params: { ref: id } }, { signal }).then(
        ({ name }) => name,
        () => id,
      );
    names.set(id, known);
    return known;
  };
};

/** Whether a watch should show an entry; kernel logs only on demand. */
export const isShown = (cli: Pick<Cli, 'options'>, entry: TimelineEntry): boolean =>
  entry.type !== 'log' || cli.options['logs'] === true;
