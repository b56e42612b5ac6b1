import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ImageFacts } from '@drover/contract';
import { createHelperStore, createInitramfsComposer } from '@drover/initramfs';
import { createInitramfsMaker } from '../../packages/server/src/adapters/initramfs/index.js';
import { createToolRunner } from '@drover/tools';
import { createRootPacker } from '../../packages/server/src/adapters/tools/index.js';
import { openFileSource } from '../../packages/server/src/adapters/import/file-source.js';
import { createImageInspector } from '../../packages/server/src/adapters/import/inspect.js';
import { cacheDir } from '../inputs/cache.js';
import { run } from '../inputs/run.js';
import type { ImageInput } from '../inputs/imageInput.js';
import type { RootBlob } from './server.js';

/** What Drover makes of an image, in a folder of its own. */
export interface ComposedImage {
  readonly kernel: string;
  readonly initrd: string;
  readonly root: RootBlob;
  readonly compression: string;
  readonly facts: ImageFacts;
  dispose(): Promise<void>;
}

const deviceFolder = fileURLToPath(new URL('../../device', import.meta.url));

/** Composes initramfs and root of an image with the server's own adapters: read in place, nothing mounted. */
export async function composeImage(image: ImageInput): Promise<ComposedImage> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'drv-device-'));
  try {
    return await composeIn(dir, image);
  } catch (fault) {
    await rm(dir, { recursive: true, force: true });
    throw fault;
  }
}

async function composeIn(dir: string, image: ImageInput): Promise<ComposedImage> {
  const { signal } = new AbortController();
  const tools = createToolRunner();
  const helpers = createHelperStore({ tools, cacheDir: path.join(cacheDir, 'helpers'), now: () => Date.now() });
  const put = async (source: AsyncIterable<Uint8Array>) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of source) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const digest = createHash('sha256').update(bytes).digest('hex');
    await writeFile(path.join(dir, digest), bytes);
    return { digest, size: bytes.length };
  };
  const composer = createInitramfsComposer({ helpers, deviceFolder, put });
  const maker = createInitramfsMaker({ composer, openSource: openFileSource });
  const { facts } = await createImageInspector().inspect(image.path);
  const made = await maker.make(image.path, facts, { signal, progress: () => undefined });
  if (!made.ok) throw new Error(made.detail);
  const parts = made.value.parts.filter(({ release }) => release === null || release === image.kernelRelease);
  parts.sort((a, b) => (a.release === null ? 0 : 1) - (b.release === null ? 0 : 1));
  const initrd = path.join(dir, 'initrd');
  await writeFile(
    initrd,
    Buffer.concat(
      await Promise.all(
        parts.filter(({ architecture }) => architecture === 'arm64').map(({ blob }) => readFile(path.join(dir, blob))),
      ),
    ),
  );
  const compression = await maker.compression(image.path, facts);
  const place = facts.partitions.find(({ number }) => number === facts.rootPartition);
  if (place === undefined) throw new Error('no root partition');
  const file = path.join(dir, 'root.squashfs');
  const { digest, size } = await createRootPacker({ tools, openSource: openFileSource }).pack(
    { path: image.path, offset: place.offset, length: place.length },
    file,
    { compression, signal, progress: () => undefined },
  );
  return {
    ...{ kernel: image.kernel, initrd, compression, facts },
    root: { path: file, size, sha256: digest },
    dispose: () => rm(dir, { recursive: true, force: true }),
  };
}

export const identity = {
  hostname: 'herd-7',
  machineId: '0123456789abcdef0123456789abcdef',
} as const;

/** An RSA key, because sshd reads that in the form Node writes. */
const hostKey = (): string =>
  generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();

/** The tar a server sends for {@link identity}. */
export async function packIdentity(): Promise<Buffer> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'drv-identity-'));
  try {
    await mkdir(path.join(dir, 'etc/ssh'), { recursive: true });
    const files: Record<string, string> = {
      'etc/machine-id': `${identity.machineId}\n`,
      'etc/hostname': `${identity.hostname}\n`,
      'etc/hosts': `127.0.0.1\tlocalhost\n127.0.1.1\t${identity.hostname}\n`,
      'etc/ssh/ssh_host_rsa_key': hostKey(),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(dir, name), text);
    const archive = path.join(dir, 'identity.tar');
    await run(['tar', '-C', dir, '--owner=0', '--group=0', '-cf', archive, ...Object.keys(files)]);
    return await readFile(archive);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
