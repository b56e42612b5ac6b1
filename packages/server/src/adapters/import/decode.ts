import { spawn, type ChildProcess } from 'node:child_process';
import { open } from 'node:fs/promises';
import { refusal, RefusedError } from '@drover/contract';
import { tellConsumed } from './consumed.js';
import type { Decoder } from './decoders.js';
import { hashDisk } from './hash-disk.js';
import { notFoundCode, tiedToUs } from './tied.js';
import { watchWriter } from './watch-writer.js';

interface Ended {
  readonly code: number | null;
  readonly killedBy: NodeJS.Signals | null;
  readonly message: string;
}

const stderrLimit = 4096;

/** Runs to the end and says how it ended; `tool.missing` when the program is not there. */
function ending(child: ChildProcess, decoder: Decoder): Promise<Ended> {
  return new Promise((resolve, reject) => {
    let message = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      message = (message + text).slice(-stderrLimit);
    });
    child.once('error', (fault: NodeJS.ErrnoException) => {
      reject(fault.code === 'ENOENT' ? missing(decoder) : fault);
    });
    child.once('close', (code, killedBy) => {
      if (code === notFoundCode) reject(missing(decoder));
      else resolve({ code, killedBy, message: message.trim() });
    });
  });
}

const missing = ({ command, package: name }: Decoder) =>
  new RefusedError(
    refusal('tool.missing', `The program ${command} is not installed.`, {
      remedy: `Install it: apt-get install ${name}`,
    }),
  );

const tooLarge = (limit: number) =>
  new RefusedError(
    refusal('image.too-large', `The decompressed image is larger than ${limit} bytes.`, {
      remedy: 'Raise images.maxSize in the settings, or import a smaller image.',
    }),
  );

/** Decodes `input` into `output` through a system tool that writes the file itself. */
export async function decode(
  decoder: Decoder,
  input: string,
  output: string,
  options: { limit: number; signal: AbortSignal; progress: (done: number, total: number | null) => void },
): Promise<{ digest: string; size: number }> {
  const source = await open(input, 'r');
  const target = await open(output, 'w+', 0o600);
  try {
    const total = (await source.stat()).size;
    const [command, args] = await tiedToUs(decoder.command, decoder.args);
    const child = spawn(command, args, {
      stdio: [source.fd, target.fd, 'pipe'],
      signal: options.signal,
    });
    let ended: Ended | undefined;
    const end = ending(child, decoder).then((how) => (ended = how));
    // A refusal is awaited below; until then it must not count as unhandled.
    end.catch(() => undefined);
    const stopTelling = tellConsumed(source, (done) => options.progress(done, total));
    try {
      const watching = watchWriter(target, {
        limit: options.limit,
        signal: options.signal,
        ended: () => ended !== undefined,
      });
      if (!(await Promise.race([watching, end.then(() => watching)]))) throw tooLarge(options.limit);
      await end;
      refuseFailure(ended, decoder);
      await target.datasync();
      options.progress(total, total);
      // Not while the decompressor is at work: two that read and write the same memory slow each other down by more than one of them takes.
      return await hashDisk(target, options.signal);
    } finally {
      stopTelling();
      child.kill('SIGKILL');
      await end.catch(() => undefined);
    }
  } finally {
    await source.close();
    await target.close();
  }
}

function refuseFailure(ended: Ended | undefined, decoder: Decoder): void {
  if (ended?.code === 0) return;
  const why = ended?.message || `it ended with ${ended?.code ?? ended?.killedBy ?? 'no status'}`;
  if (/no space left/i.test(why)) {
    throw new RefusedError(
      refusal('storage.full', 'The data folder is full.', { remedy: 'Free space or move dataDir.' }),
    );
  }
  throw new RefusedError(
    refusal('image.broken', `${decoder.command} could not decompress the image: ${why}`, {
      remedy: 'The file is damaged or cut short: download or copy it again and compare its checksum.',
    }),
  );
}
