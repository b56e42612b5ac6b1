import type { Sandbox } from './sandbox.js';
import { textInput } from './text-input.js';

/**
 * A file system in memory over /mnt of a sandbox, for what both sides of a root must see at one path: packages and their list, temporary files of apt. /mnt is
 * empty by its nature (FHS 3.0, 3.12), also in the image, and it is not the image's that is seen.
 */
export const workbench = {
  repository: '/mnt/drover',
  temporary: '/mnt/tmp',
  programs: '/mnt/bin',
  /** /tmp of a root, for as long as that is open. */
  rootTemporary: '/mnt/root-tmp',
} as const;

export async function setUpWorkbench(sandbox: Sandbox, packages: string): Promise<void> {
  const { repository, temporary, programs } = workbench;
  await sandbox.run('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/mnt']);
  await sandbox.run('mkdir', ['-p', `${repository}/packages`, temporary, programs]);
  await sandbox.run('mount', ['--bind', '-o', 'ro', packages, `${repository}/packages`]);
}

/** Writes a file of the sandbox that no image can have a hand in. */
export async function writeInSandbox(sandbox: Sandbox, path: string, text: string, mode = '0644'): Promise<void> {
  await sandbox.run('dd', ['status=none', `of=${path}`], { input: textInput(text) });
  await sandbox.run('chmod', [mode, path]);
}
