import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import type { Architecture } from '../recipe/schema.js';
import { emulationFor } from './emulation.js';
import type { Sandbox } from './sandbox.js';

/** Some 64-bit Arm processors run 32-bit programs, and their kernel says so (personality(2), PER_LINUX32). */
const runs32 = async (sandbox: Sandbox, arch: string): Promise<boolean> =>
  arch === 'arm64' &&
  (await sandbox.run('sh', ['-c', 'setarch linux32 true 2>/dev/null || exit 1'], { okCodes: [0, 1] })).code === 0;

/** Lets programs of the root's architecture run: in this sandbox only where the kernel has that (Linux 6.7), else as the machine is set up. */
export async function setUpEmulation(sandbox: Sandbox, architecture: Architecture, arch: string): Promise<void> {
  const emulation = emulationFor(architecture, { arch, runs32: await runs32(sandbox, arch) });
  if (emulation === undefined) return;
  const registry = '/proc/sys/fs/binfmt_misc';
  const script =
    '[ -x "$3" ] || exit 64; mount -t binfmt_misc binfmt_misc "$1" || exit 65; printf %s "$2" >"$1/register"';
  const words = [registry, emulation.line, `/usr/bin/${emulation.emulator}`];
  const { code } = await sandbox.run('sh', ['-euc', script, 'sh', ...words], { okCodes: [0, 64, 65] });
  if (code === 64)
    throw new RefusedError(
      refusal('tool.missing', `Programs for ${architecture} cannot run on this machine.`, {
        remedy: 'Install the emulator: apt install qemu-user-static',
      }),
    );
  if (code === 0) return;
  const entry = await readFile(join(registry, emulation.emulator.replace('-static', '')), 'utf8').catch(() => '');
  if (!entry.startsWith('enabled'))
    throw new RefusedError(
      refusal('tool.failed', `This kernel lets no sandbox run programs for ${architecture}.`, {
        remedy:
          'Use Linux 6.7 or later, or let the machine itself run them: apt install binfmt-support qemu-user-static',
      }),
    );
}
