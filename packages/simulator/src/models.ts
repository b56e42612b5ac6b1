/**
 * The boards, as data. Sources: the project's wire reference (sections 1, 3, 4 and 5), the vendor's revision code table and its pages
 * on `kernel`, `arm_64bit` and conditional filters. What differs between boards is in this table; how a kind of client behaves is in
 * the client's own file.
 */

export const modelNames = ['2b', '3b', '3b+', '4b', '400', 'cm4', '5', '500', 'cm5'] as const;
export type ModelName = (typeof modelNames)[number];

/**
 * Who speaks first on the wire. `rom`: the mask ROM of 2B v1.2 and 3B with its bugs. `rom-fixed`: the corrected ROM of the 3B+.
 * Both then run the served bootcode.bin. `ee`: the bootloader in the SPI EEPROM.
 */
export type FirstStage = 'rom' | 'rom-fixed' | 'ee';

export type Chip = 'bcm2837' | 'bcm2711' | 'bcm2712';

export interface BoardModel {
  readonly name: ModelName;
  readonly title: string;
  readonly firstStage: FirstStage;
  readonly chip: Chip;
  /** Board revision code, as in /proc/cpuinfo and option 97. */
  readonly revision: number;
  /** FourCC of option 97 as text; boards before the EEPROM have none. */
  readonly fourcc?: 'RPi4' | 'RPi5';
  /** Model names a `[filter]` in config.txt may use to mean this board. */
  readonly filters: readonly string[];
  /** Device trees the firmware asks for, in its order. */
  readonly dtbs: readonly string[];
  /** Device tree asked for first when `upstream_kernel=1`. */
  readonly upstreamDtb?: string;
  /** 64-bit kernels in the firmware's order. */
  readonly kernels64: readonly string[];
  /** 32-bit kernels in the firmware's order; none on a board that only starts 64-bit kernels. */
  readonly kernels32: readonly string[];
  /** What `arm_64bit` is when config.txt does not say. */
  readonly arm64Default: boolean;
  /** First three bytes the board's MAC may have. */
  readonly ouis: readonly [string, ...string[]];
  /** MAC = OUI + low 24 bits of the serial number (boards up to the Pi 3). */
  readonly macFromSerial: boolean;
  /** Upper half of the 16-digit serial number; `any` where the vendor sets arbitrary values. */
  readonly serialUpperHalf: '00000000' | '10000000' | 'any';
  /** What `serial0` means in `console=serial0`. */
  readonly serialConsole: 'ttyS0' | 'ttyAMA0' | 'ttyAMA10';
}

const legacy = {
  chip: 'bcm2837',
  kernels64: ['kernel8.img'],
  kernels32: ['kernel8-32.img', 'kernel7.img'],
  arm64Default: false,
  ouis: ['b8:27:eb'],
  macFromSerial: true,
  serialUpperHalf: '00000000',
} as const;

const fourth = {
  firstStage: 'ee',
  chip: 'bcm2711',
  fourcc: 'RPi4',
  kernels64: ['kernel8.img'],
  kernels32: ['kernel7l.img'],
  arm64Default: true,
  macFromSerial: false,
  serialUpperHalf: '10000000',
  serialConsole: 'ttyS0',
} as const;

const fifth = {
  firstStage: 'ee',
  chip: 'bcm2712',
  fourcc: 'RPi5',
  kernels64: ['kernel_2712.img', 'kernel8.img'],
  kernels32: [],
  arm64Default: true,
  macFromSerial: false,
  serialUpperHalf: 'any',
  serialConsole: 'ttyAMA10',
} as const;

export const models: Readonly<Record<ModelName, BoardModel>> = {
  '2b': {
    ...legacy,
    name: '2b',
    title: 'Raspberry Pi 2 Model B v1.2',
    firstStage: 'rom',
    revision: 0xa02042,
    filters: ['pi2'],
    dtbs: ['bcm2710-rpi-2-b.dtb'],
    upstreamDtb: 'bcm2837-rpi-2-b.dtb',
    serialConsole: 'ttyAMA0',
  },
  '3b': {
    ...legacy,
    name: '3b',
    title: 'Raspberry Pi 3 Model B',
    firstStage: 'rom',
    revision: 0xa02082,
    filters: ['pi3'],
    dtbs: ['bcm2710-rpi-3-b.dtb'],
    upstreamDtb: 'bcm2837-rpi-3-b.dtb',
    serialConsole: 'ttyS0',
  },
  '3b+': {
    ...legacy,
    name: '3b+',
    title: 'Raspberry Pi 3 Model B+',
    firstStage: 'rom-fixed',
    revision: 0xa020d3,
    filters: ['pi3', 'pi3+'],
    dtbs: ['bcm2710-rpi-3-b-plus.dtb', 'bcm2710-rpi-3-b.dtb'],
    upstreamDtb: 'bcm2837-rpi-3-b-plus.dtb',
    serialConsole: 'ttyS0',
  },
  '4b': {
    ...fourth,
    name: '4b',
    title: 'Raspberry Pi 4 Model B',
    revision: 0xd03114,
    filters: ['pi4'],
    dtbs: ['bcm2711-rpi-4-b.dtb'],
    ouis: ['dc:a6:32', 'e4:5f:01', 'd8:3a:dd'],
  },
  '400': {
    ...fourth,
    name: '400',
    title: 'Raspberry Pi 400',
    revision: 0xc03130,
    filters: ['pi4', 'pi400'],
    dtbs: ['bcm2711-rpi-400.dtb'],
    ouis: ['dc:a6:32', 'e4:5f:01'],
  },
  cm4: {
    ...fourth,
    name: 'cm4',
    title: 'Raspberry Pi Compute Module 4',
    revision: 0xc03140,
    filters: ['pi4', 'cm4'],
    dtbs: ['bcm2711-rpi-cm4.dtb'],
    ouis: ['dc:a6:32', 'e4:5f:01', 'd8:3a:dd'],
  },
  '5': {
    ...fifth,
    name: '5',
    title: 'Raspberry Pi 5',
    revision: 0xd04170,
    filters: ['pi5'],
    dtbs: ['bcm2712-rpi-5-b.dtb'],
    ouis: ['d8:3a:dd', '2c:cf:67'],
  },
  '500': {
    ...fifth,
    name: '500',
    title: 'Raspberry Pi 500',
    revision: 0xd04190,
    filters: ['pi5', 'pi500'],
    dtbs: ['bcm2712-rpi-500.dtb'],
    ouis: ['2c:cf:67'],
  },
  cm5: {
    ...fifth,
    name: 'cm5',
    title: 'Raspberry Pi Compute Module 5',
    revision: 0xc04180,
    filters: ['pi5', 'cm5'],
    dtbs: ['bcm2712-rpi-cm5-cm5io.dtb'],
    ouis: ['2c:cf:67'],
  },
};

/** Board type field (bits 4 to 11) of a revision code, which `[board-type=0xNN]` compares. */
export const boardTypeOf = (revision: number): number => (revision >>> 4) & 0xff;

export const isModelName = (text: string): text is ModelName => modelNames.some((name) => name === text);
