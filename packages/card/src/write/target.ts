import { constants, open, rm, type FileHandle } from 'node:fs/promises';
import { refusal, RefusedError } from '@drover/contract';
import { ImageError, type RandomAccess } from '@drover/disk-image';
import { createToolRunner } from '@drover/tools';

/** What a card is written to: a device or a file. */
export interface CardTarget extends RandomAccess {
  readonly path: string;
  /** What was never written reads as zeros: they need not be written. */
  readonly isEmpty: boolean;
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Until all that was written is where it stays without power. */
  sync(): Promise<void>;
  /** What is read from now on comes from where it stays, not from memory. After {@link sync}. */
  forgetCache(): Promise<void>;
  close(): Promise<void>;
}

async function readFully(file: FileHandle, path: string, offset: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) throw new ImageError('image.truncated', `${path} ends at ${offset + done}`);
    done += bytesRead;
  }
  return bytes;
}

async function writeFully(file: FileHandle, offset: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;)
    done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
}

/** Faults of a card as people can understand them. */
const damaged =
  (path: string, what: string) =>
  (fault: NodeJS.ErrnoException): never => {
    if (fault.code !== 'EIO' && fault.code !== 'ENXIO' && fault.code !== 'ENODEV' && fault.code !== 'ENOMEDIUM')
      throw fault;
    throw new RefusedError(
      refusal('card.damaged', `${path} cannot be ${what} (${fault.code}): it is damaged, or was taken out.`, {
        remedy: 'Put it in again and repeat; if that fails too, throw the card away.',
      }),
    );
  };

const targetOn = (
  file: FileHandle,
  about: Pick<CardTarget, 'path' | 'size' | 'isEmpty' | 'forgetCache'>,
): CardTarget => {
  const { path } = about;
  return {
    ...about,
    read: (offset, length) => readFully(file, path, offset, length).catch(damaged(path, `read at byte ${offset}`)),
    write: (offset, bytes) => writeFully(file, offset, bytes).catch(damaged(path, `written at byte ${offset}`)),
    sync: () => file.sync().catch(damaged(path, 'written')),
    close: () => file.close(),
  };
};

const opening: Readonly<Record<string, readonly [why: string, remedy: string]>> = {
  EBUSY: ['is in use', 'Unmount it, and stop what else uses it: see `lsblk`.'],
  EACCES: ['may not be written to', 'Run it as root: sudo drover card write ...'],
  EPERM: ['may not be written to', 'Run it as root: sudo drover card write ...'],
  EROFS: ['is read-only', 'Move the lock of the card, or try another reader.'],
  ENOMEDIUM: ['holds no card', 'Put one in.'],
};

/** Opens a whole disk for itself alone: the kernel refuses one that is mounted (open(2), O_EXCL without O_CREAT). */
export async function openDevice(path: string, size: number): Promise<CardTarget> {
  const file = await open(path, constants.O_RDWR | constants.O_EXCL).catch((fault: NodeJS.ErrnoException) => {
    const [why, remedy] = opening[fault.code ?? ''] ?? [`cannot be opened (${fault.code ?? fault.message})`, undefined];
    throw new RefusedError(refusal('card.disk-refused', `${path} ${why}.`, remedy === undefined ? {} : { remedy }));
  });
  const tools = createToolRunner();
  const forgetCache = async (): Promise<void> => void (await tools.run('blockdev', ['--flushbufs', path]));
  return targetOn(file, { path, size, isEmpty: false, forgetCache });
}

/** Makes an empty file of that size, which others cannot read: it will hold a key. */
export async function createFile(path: string, size: number): Promise<CardTarget> {
  // One that an interrupted run left may be readable for others.
  await rm(path, { force: true });
  const file = await open(path, 'wx+', 0o600);
  await file.truncate(size);
  const tools = createToolRunner();
  // Asks the kernel to drop the pages of the whole file, and copies nothing.
  const forgetCache = async (): Promise<void> =>
    void (await tools.run('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']));
  return targetOn(file, { path, size, isEmpty: true, forgetCache });
}

/** Opens a file or device to look at it only. */
export async function openToRead(path: string): Promise<RandomAccess & { close(): Promise<void> }> {
  const file = await open(path, 'r');
  const { size } = await file.stat();
  return { size, read: (offset, length) => readFully(file, path, offset, length), close: () => file.close() };
}
