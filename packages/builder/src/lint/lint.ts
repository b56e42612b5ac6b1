import type { LintCheck } from './checks.js';
import { secretsIn, type Secret } from './secrets.js';
import type { LintFinding, LintTree } from './tree.js';

/** Boards with an EEPROM before 2025-09-23 cannot pass TFTP block 65535: 64 MiB at 1024 bytes a block (wire reference, section 3). */
const oldFirmwareLimit = 65_535 * 1024;

/** Where people and their programs leave secrets; /usr holds what packages bring, with the examples in their documentation. */
const secretFolders = ['etc', 'root', 'home', 'opt', 'srv', 'usr/local', 'var/lib'];
/** Nobody keeps a key in a file that is larger, and to look through all of it would take long. */
const largestText = 256 * 1024;

const finding = (check: LintCheck, place: string, message: string, remedy: string): LintFinding => ({
  ...{ check, place, message, remedy },
});

/** Binary files have a zero byte soon. */
const textOf = (bytes: Uint8Array): string | undefined =>
  bytes.subarray(0, 4096).includes(0) ? undefined : new TextDecoder('latin1').decode(bytes);

const leaked = ({ check, what }: Secret, place: string): LintFinding =>
  finding(
    check,
    place,
    `holds ${what}`,
    'Leave it out of the image: every board would have it. Boards get what is theirs when they boot, or from the card they boot from.',
  );

async function* hostKeys(tree: LintTree): AsyncIterable<LintFinding> {
  for await (const { path } of tree.files('etc/ssh'))
    if (/^etc\/ssh\/ssh_host_[^/]*key$/.test(path))
      yield finding('host-keys', `/${path}`, 'is an SSH host key', 'Delete it: it is made at the first start.');
}

async function* machineId(tree: LintTree): AsyncIterable<LintFinding> {
  for (const path of ['etc/machine-id', 'var/lib/dbus/machine-id']) {
    const text = textOf((await tree.head(path, 100)) ?? new Uint8Array())?.trim() ?? '';
    if (text !== '' && text !== 'uninitialized')
      yield finding('machine-id', `/${path}`, `is ${text}`, 'Empty it: it is made at the first start.');
  }
}

async function* secrets(tree: LintTree): AsyncIterable<LintFinding> {
  for (const folder of secretFolders) {
    for await (const { path, size } of tree.files(folder)) {
      if (size === 0 || size > largestText || /^etc\/ssh\/ssh_host_/.test(path)) continue;
      const text = textOf((await tree.head(path, largestText)) ?? new Uint8Array());
      for (const secret of text === undefined ? [] : secretsIn(path, text)) yield leaked(secret, `/${path}`);
    }
  }
  for (const { path, size } of tree.boot) {
    if (size > largestText) continue;
    const text = textOf((await tree.bootHead(path, largestText)) ?? new Uint8Array());
    for (const secret of text === undefined ? [] : secretsIn(path, text)) yield leaked(secret, `boot: ${path}`);
  }
}

async function* bootTexts(tree: LintTree): AsyncIterable<LintFinding> {
  for (const path of ['config.txt', 'cmdline.txt']) {
    const bytes = await tree.bootHead(path, largestText);
    const at =
      bytes?.findIndex((byte) => byte > 0x7e || (byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13)) ?? -1;
    if (bytes === undefined || at < 0) continue;
    const line = bytes.subarray(0, at).filter((byte) => byte === 10).length + 1;
    const message = `holds a byte that is not ASCII in line ${line}`;
    yield finding('config-ascii', `boot: ${path}`, message, 'Take it out: some firmware ignores everything after it.');
  }
}

async function* kernelModules(tree: LintTree): AsyncIterable<LintFinding> {
  for (const { file, release } of tree.kernels) {
    const folders = ['lib/modules', 'usr/lib/modules'].map((folder) => `${folder}/${release}`);
    if (release === null || (await tree.hasFolder(folders[0] ?? '')) || (await tree.hasFolder(folders[1] ?? '')))
      continue;
    const message = `is Linux ${release}, and the root has no modules for it`;
    yield finding(
      'kernel-modules',
      `boot: ${file}`,
      message,
      'Install the package whose kernel this is, or take its kernel.',
    );
  }
}

async function* bootSizes(tree: LintTree): AsyncIterable<LintFinding> {
  for (const { path, size } of tree.boot)
    if (size > oldFirmwareLimit) {
      const message = `has ${size} bytes, and boards with an EEPROM before 2025-09-23 load ${oldFirmwareLimit} over TFTP`;
      yield finding(
        'boot-file-size',
        `boot: ${path}`,
        message,
        'Make it smaller, or allow it where all boards are newer.',
      );
    }
}

const all = [hostKeys, machineId, secrets, bootTexts, kernelModules, bootSizes];

/** All that must not be in an image, but for the checks a recipe allows. */
export async function lintImage(tree: LintTree, allowed: readonly string[]): Promise<LintFinding[]> {
  const found: LintFinding[] = [];
  for (const check of all) for await (const each of check(tree)) found.push(each);
  return found.filter(({ check }) => !allowed.includes(check));
}
