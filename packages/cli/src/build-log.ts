import { setTimeout as sleep } from 'node:timers/promises';
import type { Build } from '@drover/contract';
import { DroverError, type Client } from '@drover/sdk';

export interface FollowLogOptions {
  readonly follow: boolean;
  readonly onText: (text: string) => void;
  readonly signal: AbortSignal;
}

const lookAgainMs = 500;
/** How long a server that is away is waited for. */
const patienceMs = 120_000;

const isAway = (error: unknown): boolean =>
  error instanceof DroverError && ['server.unreachable', 'server.busy'].includes(error.code);

/** The log of a build; with `follow` until it has ended, across restarts of the server. Gives the build as it was then. */
export async function followLog(client: Client, id: string, options: FollowLogOptions): Promise<Build> {
  const { follow, onText, signal } = options;
  const decoder = new TextDecoder();
  let offset = 0;
  for (let awaySince: number | undefined; ;) {
    try {
      const query = { follow: String(follow), offset };
      for await (const bytes of client.text('getBuildLog', { params: { id }, query }, { signal })) {
        awaySince = undefined;
        offset += bytes.length;
        onText(decoder.decode(bytes, { stream: true }));
      }
      const build = await client.builds.get({ params: { id } }, { signal });
      if (!follow || build.endedAt !== null) return build;
      awaySince = undefined;
    } catch (error) {
      if (!isAway(error)) throw error;
      awaySince ??= Date.now();
      if (Date.now() - awaySince > patienceMs) throw error;
    }
    // The stream ended before the build: its server stops, and goes on with it when it is there again.
    await sleep(lookAgainMs, undefined, { signal });
  }
}
