import type { Ext4Volume } from '../ext4/types.js';
import { listKernelModules } from '../kernel/modules.js';
import { inspectProgram, type ProgramFacts } from './elf.js';
import type { InitSystem, OsRelease, RootFacts } from './types.js';

const textLimit = 64 * 1024;
const programLimit = 16 * 1024 * 1024;
/** Programs to judge the architecture by, the likeliest first. */
const programs = [
  '/usr/lib/systemd/systemd',
  '/lib/systemd/systemd',
  '/sbin/init',
  '/bin/busybox',
  '/bin/sh',
  '/usr/bin/env',
  '/bin/ls',
  '/sbin/openrc',
];

/** Whether a volume looks like the root of a system. */
export async function isRoot(volume: Ext4Volume): Promise<boolean> {
  if ((await volume.stat('/etc'))?.kind === 'directory') return true;
  return (await volume.lstat('/sbin/init')) !== undefined;
}

/** A regular file of at most `limit` bytes, or undefined. */
async function readSmall(volume: Ext4Volume, path: string, limit: number): Promise<Uint8Array | undefined> {
  const stat = await volume.stat(path);
  if (stat?.kind !== 'file' || stat.size > limit) return undefined;
  return volume.readFile(path, limit);
}

/** Lines of os-release(5): `NAME=value`, the value perhaps in quotes with backslashes. */
export function parseOsRelease(text: string): OsRelease {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^([A-Z0-9_]+)=(.*)$/u.exec(line.trim()) ?? [];
    if (name === undefined || value === undefined) continue;
    const quoted = /^(["'])(.*)\1$/u.exec(value);
    values.set(name, (quoted?.[2] ?? value).replace(/\\(.)/gu, '$1'));
  }
  const fields: [keyof OsRelease, string][] = [
    ['id', 'ID'],
    ['idLike', 'ID_LIKE'],
    ['versionId', 'VERSION_ID'],
    ['codename', 'VERSION_CODENAME'],
    ['prettyName', 'PRETTY_NAME'],
  ];
  const release: OsRelease = {};
  for (const [field, name] of fields) {
    const value = values.get(name);
    if (value !== undefined && value !== '') release[field] = value;
  }
  return release;
}

async function findOsRelease(volume: Ext4Volume): Promise<OsRelease | undefined> {
  for (const path of ['/etc/os-release', '/usr/lib/os-release']) {
    const bytes = await readSmall(volume, path, textLimit);
    if (bytes !== undefined) return parseOsRelease(Buffer.from(bytes).toString('utf8'));
  }
  return undefined;
}

async function findArchitecture(volume: Ext4Volume): Promise<ProgramFacts | undefined> {
  for (const path of programs) {
    const bytes = await readSmall(volume, path, programLimit);
    const facts = bytes === undefined ? undefined : inspectProgram(bytes);
    if (facts !== undefined) return facts;
  }
  return undefined;
}

async function exists(volume: Ext4Volume, paths: readonly string[]): Promise<boolean> {
  for (const path of paths) if ((await volume.lstat(path)) !== undefined) return true;
  return false;
}

async function detectInit(volume: Ext4Volume): Promise<InitSystem> {
  const init = await volume.lstat('/sbin/init');
  const target = init?.kind === 'symlink' ? await volume.readlink('/sbin/init') : '';
  const program = target.slice(target.lastIndexOf('/') + 1);
  if (program === 'systemd') return 'systemd';
  if (program === 'openrc-init') return 'openrc';
  if (init !== undefined && (await exists(volume, ['/sbin/openrc', '/usr/sbin/openrc']))) return 'openrc';
  if (program === 'busybox') return 'busybox';
  if (init?.kind === 'file' && (await exists(volume, ['/etc/inittab']))) return 'sysvinit';
  const hasSystemd = await exists(volume, ['/usr/lib/systemd/systemd', '/lib/systemd/systemd']);
  return init === undefined && hasSystemd ? 'systemd' : 'unknown';
}

/** Reads what a root file system says about itself. */
export async function inspectRoot(volume: Ext4Volume, partition: number): Promise<RootFacts> {
  const osRelease = await findOsRelease(volume);
  const program = await findArchitecture(volume);
  return {
    partition,
    label: volume.label,
    uuid: volume.uuid,
    size: volume.size,
    usedBytes: volume.usedBytes,
    needsRecovery: volume.needsRecovery,
    ...(osRelease === undefined ? {} : { osRelease }),
    ...(program ?? {}),
    init: await detectInit(volume),
    moduleReleases: await listKernelModules(volume),
  };
}
