import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { refusal, RefusedError } from '@drover/contract';
import type { BlobInfo } from '../../app/blobs/ports.js';
import type { ImageUnpacker } from '../../app/images/ports.js';
import { InnermostAddressError } from './addresses.js';
import { FinalError, httpGet } from './http-get.js';

type DownloadOptions = Parameters<ImageUnpacker['download']>[2];

export interface DownloadSettings {
  /** Whether this machine itself and its link may be asked. */
  readonly mayReachLocal: boolean;
  /** A download that brings less than `bytes` in `ms` counts as broken off. */
  readonly slowest?: { readonly bytes: number; readonly ms: number };
}

/** Tries in a row that brought less than {@link getsOn}. */
const maxTries = 5;
const getsOn = 1 << 20;
const defaultSlowest = { bytes: 32 * 1024, ms: 60_000 };

const unreachable = (why: string, remedy = 'Check the address from the server itself, for example with curl.') =>
  new RefusedError(refusal('image.source-unreachable', `The image could not be fetched: ${why}.`, { remedy }));

/** Another try would end in the same way: a certificate that is not right, an address that must not be asked. */
const isFinal = (fault: unknown): boolean =>
  fault instanceof FinalError ||
  /^(CERT_|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(String((fault as NodeJS.ErrnoException | null)?.code));

interface Attempt {
  readonly file: FileHandle;
  readonly options: DownloadOptions;
  readonly settings: DownloadSettings;
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

/** Aborts when too little came since it looked last. */
function watchSpeed(attempt: Attempt, broken: AbortController): () => void {
  const { bytes, ms } = attempt.settings.slowest ?? defaultSlowest;
  let before = attempt.done;
  const timer = setInterval(() => {
    if (attempt.done - before < bytes) broken.abort(new Error(`less than ${bytes} bytes came in ${ms / 1000} s`));
    before = attempt.done;
  }, ms);
  return () => clearInterval(timer);
}

/** One request; throws why its body did not come to its end. */
async function fetchOnce(attempt: Attempt): Promise<void> {
  const broken = new AbortController();
  const stopWatching = watchSpeed(attempt, broken);
  try {
    const resume = attempt.done > 0 && attempt.validator !== null;
    if (!resume) await restart(attempt);
    const answer = await httpGet(attempt.url, {
      // identity: the digest is of the file as it is published, not of a transfer coding.
      headers: {
        'accept-encoding': 'identity',
        ...(resume ? { range: `bytes=${attempt.done}-`, 'if-range': attempt.validator ?? '' } : {}),
      },
      signal: AbortSignal.any([attempt.options.signal, broken.signal]),
      mayReachLocal: attempt.settings.mayReachLocal,
    });
    try {
      await take(attempt, answer);
    } finally {
      answer.destroy();
    }
  } catch (fault) {
    throw broken.signal.aborted ? broken.signal.reason : fault;
  } finally {
    stopWatching();
  }
}

async function take(attempt: Attempt, answer: IncomingMessage): Promise<void> {
  const status = answer.statusCode ?? 0;
  judge(attempt, status);
  if (status === 206) {
    if (firstByteOf(answer) !== attempt.done) {
      attempt.validator = null;
      throw new Error('the server sent another part than it was asked for');
    }
  } else if (attempt.done > 0) await restart(attempt);
  const { etag } = answer.headers;
  attempt.validator = etag !== undefined && !etag.startsWith('W/') ? etag : null;
  const length = Number(answer.headers['content-length'] ?? NaN);
  const total = Number.isFinite(length) ? attempt.done + length : null;
  for await (const chunk of answer) await store(attempt, chunk as Uint8Array, total);
  if (total !== null && attempt.done !== total) throw new Error(`it ended after ${attempt.done} of ${total} bytes`);
}

/** RFC 9110, 15: what may be gone on with, what may be asked again, and what will not change. */
function judge(attempt: Attempt, status: number): void {
  if (status === 200 || (status === 206 && attempt.done > 0)) return;
  const why = `the server answered ${status}`;
  if (status === 416) {
    attempt.validator = null;
    throw new Error(why);
  }
  if (status >= 500 || status === 408 || status === 429) throw new Error(why);
  throw new FinalError(why);
}

/** RFC 9110, 14.4: `bytes 100-199/200`. */
const firstByteOf = (answer: IncomingMessage): number =>
  Number(/^bytes (\d+)-/.exec(answer.headers['content-range'] ?? '')?.[1] ?? NaN);

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

/** Tries until the whole body is there. A try that got on, from a server that can resume, does not count. */
async function fetchAll(attempt: Attempt): Promise<void> {
  const { signal } = attempt.options;
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted();
    const before = attempt.done;
    try {
      return await fetchOnce(attempt);
    } catch (fault) {
      signal.throwIfAborted();
      if (fault instanceof RefusedError) throw fault;
      if (fault instanceof InnermostAddressError) throw notThere(fault);
      if (attempt.validator !== null && attempt.done - before >= getsOn) tries = 1;
      if (isFinal(fault) || tries >= maxTries) throw unreachable(reasonOf(fault));
      await sleep(500 * 2 ** tries, undefined, { signal });
    }
  }
}

const notThere = (fault: InnermostAddressError) =>
  unreachable(
    fault.message,
    'Put the file on another host, upload it, or set images.localUrls to true in the settings.',
  );

/** Fetches http(s) into `output`, going on where it stopped when the connection breaks and the server has a strong ETag. */
export const createDownload =
  (settings: DownloadSettings): ImageUnpacker['download'] =>
  async (url, output, options): Promise<BlobInfo> => {
    const file = await open(output, 'w', 0o600);
    const attempt: Attempt = { file, options, settings, url, validator: null, done: 0, hash: createHash('sha256') };
    try {
      await fetchAll(attempt);
      await file.datasync();
      return { digest: attempt.hash.digest('hex'), size: attempt.done };
    } finally {
      await file.close();
    }
  };

function reasonOf(fault: unknown): string {
  if (!(fault instanceof Error)) return String(fault);
  const { code } = fault as NodeJS.ErrnoException;
  if (code === 'ECONNRESET') return 'the connection broke';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `its name is not known (${code})`;
  return fault.message;
}
