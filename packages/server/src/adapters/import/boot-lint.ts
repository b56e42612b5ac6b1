interface BootFiles {
  readonly files: readonly { readonly path: string; readonly size: number }[];
  readonly config: string | null;
  readonly cmdline: string | null;
  readonly needsRecovery: boolean;
}

/** Boards with an EEPROM before 2025-09-23 cannot pass TFTP block 65535: 64 MiB at 1024 bytes a block (wire reference, section 3). */
const oldFirmwareLimit = 65_535 * 1024;

function firstNonAscii(name: string, text: string | null): string[] {
  const at = text === null ? -1 : text.search(/[\u0080-\uffff]/);
  if (text === null || at < 0) return [];
  const line = text.slice(0, at).split('\n').length;
  return [`${name} line ${line} holds a character that is not ASCII; some firmware ignores everything after it`];
}

/** Things about an image's boot files that a person should know, though it can be imported. */
export function lintBootFiles(boot: BootFiles): string[] {
  const large = boot.files
    .filter((file) => file.size > oldFirmwareLimit)
    .map(
      (file) =>
        `${file.path} has ${file.size} bytes; boards with an EEPROM older than 2025-09-23 cannot load more than ${oldFirmwareLimit} over TFTP`,
    );
  const absent = [
    ...(boot.config === null ? ['the boot partition has no config.txt; Drover will make one'] : []),
    ...(boot.cmdline === null ? ['the boot partition has no cmdline.txt; Drover will make one'] : []),
  ];
  const lines = (boot.cmdline ?? '').trimEnd().split('\n').length;
  const folded = lines > 1 ? [`cmdline.txt has ${lines} lines; firmware reads the first only`] : [];
  const recovery = boot.needsRecovery
    ? ['the root file system was not unmounted cleanly; its journal is replayed on a copy when it is packed']
    : [];
  return [
    ...firstNonAscii('config.txt', boot.config),
    ...firstNonAscii('cmdline.txt', boot.cmdline),
    ...absent,
    ...folded,
    ...large,
    ...recovery,
  ];
}
