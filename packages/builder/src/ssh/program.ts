import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ToolRunner } from '@drover/tools';

/** The building half of this installation, to be unpacked on a host that has nothing of Drover. */
export interface Program {
  /** Of all that is in it. */
  readonly digest: string;
  readonly tgz: Uint8Array;
  /** Of what is to be run, in it. */
  readonly main: string;
}

const main = 'packages/cli/bundle/builder-main.js';
/** The process, the description that says its file is an ES module, and what it puts into an initramfs. */
const parts = [main, 'packages/cli/package.json', 'device'];

/** Packs it; the same installation gives the same bytes. */
export async function packProgram(installation: string, tools: ToolRunner, signal: AbortSignal): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-program-'));
  try {
    for (const part of parts) await cp(join(installation, part), join(folder, 'program', part), { recursive: true });
    const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--mode=u+rwX,go+rX-w'];
    const tgz = join(folder, 'program.tgz');
    const args = [...same, '--use-compress-program', 'gzip -n', '-cf', tgz, '-C', join(folder, 'program'), '.'];
    await tools.run('tar', args, { signal });
    const bytes = await readFile(tgz);
    return { digest: createHash('sha256').update(bytes).digest('hex'), tgz: bytes, main };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
