export interface PackTarOptions {
  /** Leave out `/lost+found` and what is in it. Default true. */
  skipLostAndFound?: boolean;
  /**
   * Who reads the tar. `squashfs` leaves out what squashfs cannot hold and sqfstar (4.5.1) gives up on: fractions
   * of seconds, times before 1970 and after 2106 (brought to the nearest), attributes outside `user.`, `trusted.`
   * and `security.`. Default `any`: everything is kept.
   */
  target?: 'any' | 'squashfs';
  /** Leave out character and block devices, for whoever unpacks it without the right to make them. Default false. */
  skipDevices?: boolean;
  /** Bytes of tar; above it `image.too-large`, so that sparse files cannot fill a disk. Default 64 GiB. */
  limit?: number;
  /** Called with the bytes of tar made so far. */
  onProgress?: (bytes: number) => void;
  /** Called for what is left out: sockets, devices, and attributes that the target cannot hold. */
  onSkipped?: (path: string, what: string) => void;
  /** Pack although the journal needs to be replayed. Default false: throws `image.ext4.needs-recovery`. */
  allowRecovery?: boolean;
}
