/** The ways a board's firmware reaches files, with the manners of each stage (wire reference, section 3). */
import type { ByteSink } from './byte-sink.js';
import type { Clock } from './clock.js';
import type { FatImage } from './fat-image.js';
import type { FileTransport, TransportResult } from './firmware-files.js';
import { abilitiesOf } from './settings.js';
import { tftpRead, type TftpManners } from './tftp-client.js';
import type { EepromSettings } from './types.js';

/** The board asks again when nothing came for two seconds (ee#74). */
const retryMs = 2_000;

/** No figure is known for the older boards; long enough never to be what ends a transfer that moves [I]. */
const legacyFileTimeoutMs = 120_000;

/** The ROM sends no options, so blocks have 512 bytes. */
export const romManners: TftpManners = {
  tsize: false,
  retryMs,
  fileTimeoutMs: legacyFileTimeoutMs,
  acknowledgesDuplicates: true,
};

/** bootcode.bin and start.elf ask for the size only. */
export const bootcodeManners: TftpManners = { ...romManners, tsize: true };

export const eepromManners = (eeprom: EepromSettings): TftpManners => {
  const { blockSize, lastBlock, acknowledgesDuplicates } = abilitiesOf(eeprom.date);
  return {
    tsize: true,
    blockSize,
    retryMs,
    fileTimeoutMs: eeprom.TFTP_FILE_TIMEOUT,
    acknowledgesDuplicates,
    ...(lastBlock === undefined ? {} : { lastBlock }),
  };
};

export interface TftpServer {
  readonly server: string;
  readonly port: number;
  readonly localAddress?: string;
}

export const tftpTransport = (
  target: TftpServer,
  manners: TftpManners,
  clock: Clock,
  signal?: AbortSignal,
): FileTransport => ({
  name: 'tftp',
  request: (path, sink) =>
    tftpRead({ ...target, path, manners, ...(sink === undefined ? {} : { sink }) }, clock, signal),
});

const fromImage = (image: FatImage, path: string, sink?: ByteSink): TransportResult => {
  const bytes = image.read(path);
  if (bytes === undefined) return { outcome: 'not-found', size: 0, resent: 0 };
  sink?.write(bytes);
  return { outcome: sink === undefined ? 'terminated' : 'ok', size: bytes.length, resent: 0 };
};

/** Files out of a boot.img in memory. */
export const ramdiskTransport = (image: FatImage): FileTransport => ({
  name: 'ramdisk',
  request: (path, sink) => Promise.resolve(fromImage(image, path, sink)),
});
