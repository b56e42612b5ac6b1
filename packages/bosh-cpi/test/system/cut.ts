import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands between the CPI and the server, and ends the CPI when the server has carried out so many changes, before their answer is passed on. */
export interface Cut {
  readonly url: string;
  /** From now on `kill` is called after that many changes: requests that are no GET. Nothing changes between two of them that a call could see. */
  readonly arm: (changes: number, kill: () => void) => void;
  readonly disarm: () => void;
  readonly stop: () => Promise<void>;
}

export const openCut = async (target: string): Promise<Cut> => {
  let left = Infinity;
  let kill = (): void => undefined;
  const server = createServer((request, response) => {
    const pass = async (): Promise<void> => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const headers = Object.fromEntries(
        Object.entries(request.headers).filter(
          ([name]) => !['host', 'connection', 'content-length', 'transfer-encoding'].includes(name),
        ),
      ) as Record<string, string>;
      const isChange = request.method !== 'GET';
      const body = isChange && chunks.length > 0 ? Buffer.concat(chunks) : undefined;
      const answer = await fetch(target + (request.url ?? ''), {
        method: request.method ?? 'GET',
        headers,
        ...(body === undefined ? {} : { body }),
      });
      const bytes = Buffer.from(await answer.arrayBuffer());
      if (isChange && (left -= 1) === 0) {
        kill();
        request.destroy();
        return;
      }
      const type = answer.headers.get('content-type');
      response.writeHead(answer.status, type === null ? {} : { 'content-type': type }).end(bytes);
    };
    pass().catch(() => request.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arm: (changes, killer) => {
      left = changes;
      kill = killer;
    },
    disarm: () => {
      left = Infinity;
    },
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
};
