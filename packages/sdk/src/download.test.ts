import { expect, it } from 'vitest';
import { createFakeServer, problem, refused } from '../test/fake-server.js';
import { createClient } from './client.js';
import { DroverError } from './errors.js';

const file = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
const input = { params: { id: 'bak_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' } };

interface Part {
  from?: number;
  /** Breaks off before this byte. */
  until?: number;
  etag?: string;
  status?: number;
}

const part =
  ({ from = 0, until = file.length, etag = '"a"', status = from > 0 ? 206 : 200 }: Part) =>
  (): Response => {
    let at = from;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        if (at < until) controller.enqueue(file.slice(at, (at = Math.min(until, at + 300))));
        else if (until < file.length) controller.error(new TypeError('terminated'));
        else controller.close();
      },
    });
    const headers: Record<string, string> = { etag, 'content-length': String(file.length - from) };
    if (status === 206) headers['content-range'] = `bytes ${from}-${file.length - 1}/${file.length}`;
    return new Response(body, { status, headers });
  };

async function fetched(answers: Parameters<typeof createFakeServer>[0]) {
  const { seen, options } = createFakeServer(answers);
  const chunks: Uint8Array[] = [];
  const progress: number[] = [];
  const bytes = createClient(options).download('getBackupContent', input, {
    onProgress: (done) => progress.push(done),
  });
  const fault: unknown = await (async () => {
    for await (const chunk of bytes) chunks.push(chunk);
  })().then(
    () => undefined,
    (error: unknown) => error,
  );
  return { seen, progress, fault, bytes: new Uint8Array(Buffer.concat(chunks)) };
}

it('gives all bytes in order', async () => {
  const { bytes, progress, seen } = await fetched([part({})]);
  expect(bytes).toEqual(file);
  expect(progress.at(-1)).toBe(file.length);
  expect(seen[0]?.path).toBe(`/api/v2/backups/${input.params.id}/content`);
});

it('goes on where the connection broke, however often', async () => {
  const { bytes, seen, fault } = await fetched([
    part({ until: 300 }),
    refused(),
    part({ from: 300, until: 600 }),
    part({ from: 600 }),
  ]);
  expect(fault).toBeUndefined();
  expect(bytes).toEqual(file);
  expect(seen.map(({ headers }) => headers.get('range'))).toEqual([null, 'bytes=300-', 'bytes=300-', 'bytes=600-']);
  expect(seen[3]?.headers.get('if-range')).toBe('"a"');
});

it('takes the rest of a whole file where a server knows no ranges', async () => {
  expect((await fetched([part({ until: 600 }), part({ status: 200 })])).bytes).toEqual(file);
});

it('never mixes two files', async () => {
  const { fault } = await fetched([part({ until: 300 }), part({ etag: '"b"' })]);
  expect(String(fault)).toContain('replaced by another');
});

it('gives up when nothing comes any more, and says how far it came', async () => {
  const stuck = Array.from({ length: 9 }, () => part({ from: 300, until: 300 }));
  const { fault } = await fetched([part({ until: 300 }), ...stuck]);
  expect(fault).toBeInstanceOf(DroverError);
  expect((fault as DroverError).code).toBe('server.unreachable');
});

it('is refused at once when there is no such file', async () => {
  const { fault, seen } = await fetched([problem('backup.not-found', 404)]);
  expect((fault as DroverError).code).toBe('backup.not-found');
  expect(seen).toHaveLength(1);
});
