import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { refusal, RefusedError } from '@drover/contract';
import yauzl, { type Entry, type ZipFile } from 'yauzl';

const openZip = promisify<string, yauzl.Options, ZipFile>((path, options, done) =>
  yauzl.open(path, options, done as never),
);

const maxEntries = 10_000;

const broken = (why: string) =>
  new RefusedError(
    refusal('image.broken', `The zip archive cannot be read: ${why}`, { remedy: 'Download or copy it again.' }),
  );

/** Names of everything that could be the disk: `.img` or `.raw` files, not the dot files some archivers add. */
const isDisk = (entry: Entry): boolean =>
  /\.(img|raw)$/i.test(entry.fileName) && !/(^|\/)(\.|__MACOSX\/)/.test(entry.fileName);

function entriesOf(zip: ZipFile): Promise<Entry[]> {
  return new Promise((resolve, reject) => {
    const found: Entry[] = [];
    zip.on('error', reject);
    zip.on('end', () => resolve(found));
    zip.on('entry', (entry: Entry) => {
      found.push(entry);
      if (found.length > maxEntries) reject(broken(`it has more than ${maxEntries} entries`));
      else zip.readEntry();
    });
    zip.readEntry();
  });
}

function theDisk(entries: readonly Entry[]): Entry {
  const disks = entries.filter(isDisk);
  const [disk] = disks;
  if (disk !== undefined && disks.length === 1) return disk;
  const names = disks.map((entry) => entry.fileName).join(', ');
  throw new RefusedError(
    refusal(
      'image.unsupported',
      disks.length === 0 ? 'The zip archive holds no .img file.' : `The zip archive holds several disks: ${names}.`,
      {
        remedy: 'Pack exactly one .img file into it, or upload the .img itself.',
      },
    ),
  );
}

/** APPNOTE 4.4.5: those we unpack, and the names of some that archivers use. */
const unpackable = new Set([0, 8]);
const methods: Readonly<Record<number, string>> = { 9: 'Deflate64', 12: 'bzip2', 14: 'LZMA', 93: 'zstd', 95: 'xz' };

const foreignMethod = (method: number) =>
  new RefusedError(
    refusal(
      'image.unsupported',
      `The disk in the zip archive is packed with ${methods[method] ?? `method ${method}`}.`,
      {
        remedy: 'Pack it with deflate (the usual way), or upload the .img itself or an .img.xz.',
      },
    ),
  );

/** Opens the one disk image of a zip archive (zip64 too). The stream checks sizes; `close` ends it early. */
export async function openZippedDisk(
  path: string,
): Promise<{ size: number; stream: AsyncIterable<Uint8Array>; close(): void }> {
  const zip = await openZip(path, { lazyEntries: true, autoClose: false, strictFileNames: false }).catch(
    (fault: Error) => {
      throw broken(fault.message);
    },
  );
  try {
    const disk = theDisk(
      await entriesOf(zip).catch((fault: Error) => {
        throw fault instanceof RefusedError ? fault : broken(fault.message);
      }),
    );
    if (disk.isEncrypted()) throw broken('its disk is encrypted');
    if (!unpackable.has(disk.compressionMethod)) throw foreignMethod(disk.compressionMethod);
    const stream = await promisify(
      zip.openReadStream.bind(zip) as (entry: Entry, done: (e: Error | null, s: NodeJS.ReadableStream) => void) => void,
    )(disk);
    return {
      size: disk.uncompressedSize,
      stream: checked(stream as AsyncIterable<Uint8Array>, disk.crc32),
      close: () => zip.close(),
    };
  } catch (fault) {
    zip.close();
    throw fault;
  }
}

/** Faults of the archive become refusals; yauzl compares the size, we the CRC-32 (APPNOTE 4.4.7). */
async function* checked(stream: AsyncIterable<Uint8Array>, expected: number): AsyncIterable<Uint8Array> {
  let sum = 0;
  try {
    for await (const chunk of stream) {
      sum = crc32(chunk, sum);
      yield chunk;
    }
  } catch (fault) {
    throw fault instanceof RefusedError ? fault : broken((fault as Error).message);
  }
  if (sum !== expected) throw broken('its bytes do not match their checksum');
}
