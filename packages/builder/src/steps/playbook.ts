import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { refusal, RefusedError } from '@drover/contract';
import { workbench, writeInSandbox } from '../machine/workbench.js';
import type { StepContext } from './context.js';

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

const noPython = new RefusedError(
  refusal('tool.failed', 'ansible: the image has no Python, which modules of Ansible run with.', {
    remedy: 'Add the package python3 to packages.',
  }),
);

/**
 * Runs a playbook through Ansible's chroot connection (community.general.chroot). It calls `EXECUTABLE FOLDER SHELL -c COMMAND`; ours enters the root as
 * everything else does.
 */
export async function runPlaybook(
  { playbook, variables }: { readonly playbook: string; readonly variables: Readonly<Record<string, unknown>> },
  recipeFolder: string,
  { sandbox, root, folder, env, onOutput }: StepContext,
): Promise<void> {
  const { code } = await root.run('sh', ['-c', 'command -v python3'], { okCodes: [0, 1, 127] });
  if (code !== 0) throw noPython;
  const chroot = `${workbench.programs}/chroot`;
  await writeInSandbox(sandbox, chroot, `#!/bin/sh\nshift\nexec ${root.entry().map(quoted).join(' ')} "$@"\n`, '0755');
  const given = { ...variables, ansible_chroot_exe: chroot, ansible_python_interpreter: '/usr/bin/python3' };
  await writeFile(join(folder, 'variables.json'), JSON.stringify(given));
  const args = ['-i', `${root.path},`, '-c', 'community.general.chroot', '-e', `@${join(folder, 'variables.json')}`];
  const ansible = {
    ANSIBLE_LOCAL_TEMP: `${workbench.temporary}/ansible`,
    ANSIBLE_REMOTE_TEMP: `${workbench.temporary}/ansible-remote`,
    ANSIBLE_RETRY_FILES_ENABLED: 'False',
    ANSIBLE_NOCOLOR: '1',
    ANSIBLE_HOST_KEY_CHECKING: 'False',
  };
  await sandbox.run('ansible-playbook', [...args, join(recipeFolder, playbook)], {
    ...{ cwd: recipeFolder, env: { ...env, ...ansible }, onOutput },
  });
}
