import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const toolFolder = fileURLToPath(new URL('../../../../device/lib/', import.meta.url));

export interface ToolResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A board's shell with nothing but busybox in reach, and a folder to work in. */
export interface BoardTools {
  readonly folder: string;
  at(name: string): string;
  /** Runs a program of `device/lib`. */
  run(program: string, ...args: readonly string[]): ToolResult;
  dispose(): void;
}

export function createBoardTools(): BoardTools {
  const folder = mkdtempSync(join(tmpdir(), 'drover-tools-'));
  const applets = join(folder, 'applets');
  mkdirSync(applets);
  execFileSync('busybox', ['--install', '-s', applets]);
  return {
    folder,
    at: (name) => join(folder, name),
    run: (program, ...args) => {
      const env = { PATH: applets, MKE2FS: '/usr/sbin/mke2fs', TMPDIR: folder };
      const command = ['sh', join(toolFolder, program), ...args];
      const { status, stdout, stderr } = spawnSync('/bin/busybox', command, { env, encoding: 'utf8' });
      return { code: status, stdout: stdout.trim(), stderr: stderr.trim() };
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}
