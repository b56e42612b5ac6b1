/** Options that several commands share. */
export const page = [['--limit <n>', 'at most so many']] as const;

export const provisionOptions = [
  [
    '--root <mode>',
    'how the root reaches the board: ram (downloaded), nbd (a disk of its own), stream (read as needed), sd (kept by a card that updates itself); left out: the one the device has, or ram',
  ],
  ['--disk-size <size>', '8G, 512M or bytes, for --root nbd; left out: as large as the image'],
  ['--kernel-parameters <text>', "appended to the image's kernel command line"],
  ['--first-boot <file>', 'host name, users, keys and time zone: custom.toml, user-data of cloud-init, or JSON'],
  ['--wait', 'follow the boot and end when the board is up'],
  ['--timeout <seconds>', 'give up waiting after so long (default 900)'],
] as const;

/** Of commands that begin a job. */
export const wait = [['--no-wait', 'begin the job and end']] as const;
