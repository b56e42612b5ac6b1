import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { refreshPackageLists, StalePackageLists, type DebianArch } from './debianArm.js';

/** A file somebody could have uploaded, with what a test needs to know of it. */
export interface ImageInput {
  /** The `.img`, read-only by agreement: tests that change it copy it first. */
  readonly path: string;
  /** Of the file, lowercase hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** MBR disk identifier, 8 lowercase hex digits. */
  readonly diskId: string;
  /** `uname -r` of the kernel a 64-bit Pi 3 or 4 starts. */
  readonly kernelRelease: string;
  /** The same boot partition as a folder, for tests that need a file of it without a FAT reader. */
  readonly bootDir: string;
  /** The uncompressed arm64 kernel, ready for `qemu -kernel`. */
  readonly kernel: string;
}

const inputFile = 'input.json';

/** Lowercase hex. */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Records an image that was just built in `dir`, so that `readImageInput` need not hash it again. */
export async function recordImageInput(
  dir: string,
  facts: { readonly file: string; readonly diskId: string; readonly kernelRelease: string },
): Promise<void> {
  const { file, diskId, kernelRelease } = facts;
  const [sha256, { size }] = [await sha256OfFile(path.join(dir, file)), await stat(path.join(dir, file))];
  await writeFile(
    path.join(dir, inputFile),
    JSON.stringify({ file, sha256, bytes: size, diskId, kernelRelease }, null, 2),
  );
}

export async function readImageInput(dir: string): Promise<ImageInput> {
  const facts = JSON.parse(await readFile(path.join(dir, inputFile), 'utf8')) as {
    file: string;
    sha256: string;
    bytes: number;
    diskId: string;
    kernelRelease: string;
  };
  const { file, ...rest } = facts;
  return { ...rest, path: path.join(dir, file), bootDir: path.join(dir, 'boot'), kernel: path.join(dir, 'kernel') };
}

/** Runs `make`; when the mirror has moved on since our package lists were fetched, fetches them and runs it once more. */
export async function withPresentPackages<T>(arches: readonly DebianArch[], make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof StalePackageLists)) throw error;
    for (const arch of arches) await refreshPackageLists(arch);
    return make();
  }
}
