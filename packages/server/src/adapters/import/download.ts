import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { refusal, RefusedError } from '@drover/contract';
import type { BlobInfo } from '../../app/blobs/ports.js';
import type { ImageUnpacker } from '../../app/images/ports.js';

type DownloadOptions = Parameters<ImageUnpacker['download']>[2];

const maxTries = 5;
const idleMs = 30_000;

const unreachable = (why: string) =>
  new RefusedError(
    refusal('image.source-unreachable', `The image could not be fetched: ${why}`, {
      remedy: 'Check the address from the server itself, for example with curl.',
    }),
  );

/** An answer that another try will not change. */
const isFinal = (status: number): boolean => status >= 400 && status < 500 && status !== 408 && status !== 429;

interface Attempt {
  readonly file: FileHandle;
  readonly options: DownloadOptions;
  readonly url: string;
  /** Strong validator of the first answer, so that a resumed half is of the same file. */
  validator: string | null;
  done: number;
  hash: ReturnType<typeof createHash>;
}

function restart(attempt: Attempt): Promise<void> {
  attempt.done = 0;
  attempt.hash = createHash('sha256');
  return attempt.file.truncate(0);
}

/** One request; returns whether the body came to its end. */
async function fetchOnce(attempt: Attempt): Promise<boolean> {
  const idle = new AbortController();
  const timer = setTimeout(() => idle.abort(new Error(`nothing came for ${idleMs / 1000} s`)), idleMs);
  try {
    const resume = attempt.done > 0 && attempt.validator !== null;
    if (!resume) await restart(attempt);
    const answer = await fetch(attempt.url, {
      // identity: the digest is of the file as it is published, not of a transfer coding.
      headers: {
        'accept-encoding': 'identity',
        ...(resume ? { range: `bytes=${attempt.done}-`, 'if-range': attempt.validator ?? '' } : {}),
      },
      signal: AbortSignal.any([attempt.options.signal, idle.signal]),
    });
    if (isFinal(answer.status)) throw unreachable(`the server answered ${answer.status}`);
    if (!answer.ok || answer.body === null) return false;
    if (answer.status !== 206 && attempt.done > 0) await restart(attempt);
    const etag = answer.headers.get('etag');
    attempt.validator = etag !== null && !etag.startsWith('W/') ? etag : null;
    const length = Number(answer.headers.get('content-length') ?? NaN);
    const total = Number.isFinite(length) ? attempt.done + length : null;
    for await (const chunk of answer.body) {
      timer.refresh();
      await store(attempt, chunk as Uint8Array, total);
    }
    return total === null || attempt.done === total;
  } finally {
    clearTimeout(timer);
  }
}

async function store(attempt: Attempt, chunk: Uint8Array, total: number | null): Promise<void> {
  const { limit } = attempt.options;
  if (attempt.done + chunk.length > limit || (total ?? 0) > limit) {
    throw new RefusedError(
      refusal('image.too-large', `The download is larger than ${limit} bytes.`, {
        remedy: 'Raise images.maxUploadSize in the settings.',
      }),
    );
  }
  await attempt.file.write(chunk, 0, chunk.length, attempt.done);
  attempt.hash.update(chunk);
  attempt.done += chunk.length;
  attempt.options.progress(attempt.done, total);
}

/** Fetches http(s) into `output`, going on where it stopped when the connection breaks and the server has a strong ETag. */
export async function download(url: string, output: string, options: DownloadOptions): Promise<BlobInfo> {
  const file = await open(output, 'w', 0o600);
  const attempt: Attempt = { file, options, url, validator: null, done: 0, hash: createHash('sha256') };
  try {
    let last = 'the connection broke';
    for (let round = 0; round < maxTries; round += 1) {
      options.signal.throwIfAborted();
      if (round > 0) await sleep(500 * 2 ** round, undefined, { signal: options.signal });
      try {
        if (await fetchOnce(attempt)) {
          await file.datasync();
          return { digest: attempt.hash.digest('hex'), size: attempt.done };
        }
      } catch (fault) {
        if (fault instanceof RefusedError || options.signal.aborted) throw fault;
        last = reasonOf(fault);
      }
    }
    throw unreachable(last);
  } finally {
    await file.close();
  }
}

function reasonOf(fault: unknown): string {
  const cause = fault instanceof Error ? (fault.cause ?? fault) : fault;
  return cause instanceof Error ? cause.message : String(cause);
}
