import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildCache, buildRecipe, cli } from './drover/build.js';
import { run } from './inputs/run.js';

// A recipe with a playbook: Ansible itself, through its chroot connection, in a root of another processor.

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'drv-playbook-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const tasks = [
  { name: 'A text', 'ansible.builtin.copy': { dest: '/opt/text', content: '{{ greeting }}\n', mode: '0640' } },
  { name: 'A template', 'ansible.builtin.template': { src: 'board.j2', dest: '/etc/board', mode: '0644' } },
  { name: 'A user', 'ansible.builtin.user': { name: 'operator', uid: 1234, shell: '/bin/sh' } },
  { name: 'A link', 'ansible.builtin.file': { src: '/etc/board', dest: '/opt/link', state: 'link' } },
];

async function writeRecipe(name: string, play: object): Promise<string> {
  const recipe = path.join(folder, name);
  await mkdir(path.join(recipe, 'templates'), { recursive: true });
  await writeFile(
    path.join(recipe, 'recipe.yaml'),
    JSON.stringify({
      extends: 'base',
      packages: ['python3'],
      ansible: { playbook: 'site.yaml', variables: { greeting: 'it is "said" \'so\'' } },
    }),
  );
  await writeFile(
    path.join(recipe, 'templates/board.j2'),
    '{{ ansible_facts.architecture }} {{ greeting | length }}\n',
  );
  await writeFile(path.join(recipe, 'site.yaml'), JSON.stringify([{ hosts: 'all', ...play }]));
  return recipe;
}

const contentOf = async (root: string, file: string): Promise<string> =>
  (await run(['unsquashfs', '-cat', root, file])).stdout;

test('a playbook changes the image, sees the processor of the image, and leaves nothing of its own', async () => {
  const out = path.join(folder, 'out');
  await buildRecipe(await writeRecipe('playbook', { tasks }), out);
  const root = path.join(out, 'rootfs.sqsh');
  expect(await contentOf(root, 'opt/text')).toBe('it is "said" \'so\'\n');
  expect(await contentOf(root, 'etc/board')).toBe('aarch64 17\n');
  expect(await contentOf(root, 'etc/passwd')).toContain('operator:x:1234:');
  const { stdout } = await run(['unsquashfs', '-lls', root]);
  expect(stdout).toMatch(/lrwxrwxrwx .* squashfs-root\/opt\/link -> \/etc\/board/);
  expect(stdout).toMatch(/-rw-r----- root\/root .* squashfs-root\/opt\/text/);
  expect(stdout).not.toMatch(/squashfs-root\/(root\/\.ansible|tmp\/)/);
}, 900_000);

test('a playbook that fails ends the build with the name of the task and what it said', async () => {
  const recipe = await writeRecipe('failing', {
    gather_facts: false,
    tasks: [{ name: 'Never mind', 'ansible.builtin.command': { cmd: 'false' } }],
  });
  const args = ['build', recipe, '--output', path.join(folder, 'none'), '--cache-dir', buildCache];
  const { code, stderr } = await run(['node', cli, ...args], { okCodes: [0, 1, 2, 3] });
  expect(code).not.toBe(0);
  expect(stderr).toContain('TASK [Never mind]');
  expect(stderr).toContain('ansible-playbook ended with 2');
}, 900_000);
