export interface PackTarOptions {
  /** Leave out the content of `/lost+found` and the folder itself. Default true. */
  skipLostAndFound?: boolean;
  /** Keep fractions of a second in mtimes. Costs 1 KiB for each entry; squashfs has no use for it. Default true. */
  nanoseconds?: boolean;
  /** Apparent bytes of all files together; above it `image.too-large`. Default 64 GiB. */
  limit?: number;
  /** Called with the bytes of tar made so far. */
  onProgress?: (bytes: number) => void;
  /** Called for what tar cannot hold (sockets). */
  onSkipped?: (path: string) => void;
  /** Pack although the journal needs to be replayed. Default false: throws `image.ext4.needs-recovery`. */
  allowRecovery?: boolean;
}
