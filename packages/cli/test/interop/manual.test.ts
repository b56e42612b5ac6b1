import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const folder = fileURLToPath(new URL('../../../../docs/man/', import.meta.url));

describe.each(readdirSync(folder))('%s', (name) => {
  it('has no fault that mandoc or groff finds', async () => {
    const lint = await run('mandoc', ['-T', 'lint', '-W', 'warning', `${folder}${name}`]).catch(
      (error: { stdout: string }) => error,
    );
    expect(lint.stdout).toBe('');
    const { stderr } = await run('man', ['--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', `${folder}${name}`], {
      env: { ...process.env, MANROFFSEQ: '' },
      maxBuffer: 1 << 24,
    });
    expect(stderr).toBe('');
  });

  it('shows options as they are typed', async () => {
    const { stdout } = await run('man', ['-l', `${folder}${name}`], {
      env: { ...process.env, MANPAGER: 'cat', MANWIDTH: '100' },
    });
    expect(stdout).toContain('--json');
    expect(stdout).toContain(name.replace(/\.1$/, ''));
  });
});
