import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completionScript } from '../../src/actions/completion.js';
import { commands, groups } from '../../src/commands/index.js';

const run = promisify(execFile);
let folder: string;

/** A `drover` that knows some names, and the scripts. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-completion-'));
  const names = { device: 'sign-1 sign-2 kiosk', image: 'raspios:2026 raspios:2027 debian:12' };
  const cases = Object.entries(names).map(([kind, words]) => `"complete ${kind}") printf '%s\\n' ${words} ;;`);
  writeFileSync(join(folder, 'drover'), `#!/bin/sh\ncase "$1 $2" in\n${cases.join('\n')}\n*) exit 2 ;;\nesac\n`);
  chmodSync(join(folder, 'drover'), 0o755);
  for (const shell of ['bash', 'zsh', 'fish'])
    writeFileSync(join(folder, `completion.${shell}`), completionScript(shell, { commands, groups }));
  writeFileSync(join(folder, 'a-file'), '');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const env = () => ({ PATH: `${folder}:${process.env['PATH'] ?? ''}`, HOME: folder });

/** What bash offers at the end of a line, cut into words as its readline does it. */
async function offered(line: string): Promise<string[]> {
  const words = line.split(/(:)|\s/).filter((word) => word !== undefined && (word !== '' || line.endsWith(' ')));
  const given = words.map((word) => `'${word}'`).join(' ');
  const script = `source ./completion.bash; COMP_WORDS=(${given}); COMP_CWORD=${words.length - 1}; COMP_LINE='${line}'; _drover
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await run('bash', ['-c', script], { cwd: folder, env: env() });
  return stdout.trim().split('\n');
}

describe('completion in bash', () => {
  it.each([
    ['drover devi', ['device']],
    ['drover device sho', ['show']],
    ['drover device show sign', ['sign-1', 'sign-2']],
    ['drover device show ', ['sign-1', 'sign-2', 'kiosk']],
    ['drover device show --wat', ['--watch']],
    ['drover --server http device show k', ['kiosk']],
    ['drover device show --server x k', ['kiosk']],
    ['drover provision --device ki', ['kiosk']],
    ['drover provision --image rasp', ['raspios:2026', 'raspios:2027']],
    ['drover image show raspios:20', ['2026', '2027']],
    ['drover reimage sign-1 --image deb', ['debian:12']],
    ['drover build a-', ['a-file']],
    ['drover device put-file sign-1 a-', ['a-file']],
    ['drover console k', ['kiosk']],
  ])('%s', async (line, expected) => {
    expect(await offered(line)).toEqual(expected);
  });
});

it('is read by zsh, and by fish, which offers names too', async () => {
  await run('zsh', ['-fc', 'autoload -U compinit && compinit -u -d ./dump; source ./completion.zsh'], {
    cwd: folder,
    env: env(),
  });
  const { stdout } = await run('fish', ['-Nc', 'source ./completion.fish; complete -C "drover device show s"'], {
    cwd: folder,
    env: env(),
  });
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split('\t')[0]),
  ).toEqual(['sign-1', 'sign-2']);
});
