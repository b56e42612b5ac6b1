import { stat } from 'node:fs/promises';
import { run, runWell } from './nbd-lab.js';

export interface CheckReport {
  /** What qemu-img ended with: 0 is sound, 2 is damaged, 3 has leaks only. */
  code: number;
  corruptions: number;
  leaks: number;
  errors: number;
}

/** What `qemu-img check` says of an overlay. */
export async function qemuCheck(path: string): Promise<CheckReport> {
  const { code, stdout, stderr } = await run('qemu-img', 'check', '--output=json', '-f', 'qcow2', path);
  if (!stdout.includes('{')) throw new Error(`qemu-img check ended with ${code}: ${stderr}`);
  const said = JSON.parse(stdout) as { corruptions?: number; leaks?: number; 'check-errors': number };
  return { code, corruptions: said.corruptions ?? 0, leaks: said.leaks ?? 0, errors: said['check-errors'] };
}

/** Nothing to complain of. */
export const sound: CheckReport = { code: 0, corruptions: 0, leaks: 0, errors: 0 };

/** Has `qemu-img compare` say whether an overlay, read by itself from its file and those below, is what a raw file holds. */
export async function qemuCompare(overlay: string, raw: string): Promise<string> {
  const { stdout, stderr } = await run('qemu-img', 'compare', '-f', 'qcow2', '-F', 'raw', overlay, raw);
  return `${stdout}${stderr}`.trim();
}

export interface MapEntry {
  start: number;
  length: number;
  depth: number;
  zero: boolean;
  data: boolean;
}

export const qemuMap = async (path: string): Promise<MapEntry[]> =>
  JSON.parse(await runWell('qemu-img', 'map', '--output=json', '-f', 'qcow2', path)) as MapEntry[];

/** Bytes of the file system that a file takes. */
export const spaceOf = async (path: string): Promise<number> => (await stat(path)).blocks * 512;
