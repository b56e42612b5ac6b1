import { decodeBoardRevision, type PiModel } from './board-revision.js';
import { hardwareAddress, type DhcpMessage } from './codec.js';
import { option, readText, readU16 } from './options.js';

/**
 * Who is asking. `rom`, `bc`, `ee`: the three network boot clients of Raspberry Pi boards (mask ROM; bootcode.bin and
 * the 3B+'s ROM; EEPROM of the Pi 4 and later). `other`: no boot client, for instance an operating system.
 */
export type ClientKind = 'rom' | 'bc' | 'ee' | 'edk2' | 'ipxe' | 'uboot' | 'pxe-other' | 'other';

export interface Recognised {
  readonly kind: ClientKind;
  /** A guess, exact where a board revision was sent. */
  readonly model?: PiModel;
  /** Board revision code as the board sent it. */
  readonly boardRevision?: number;
  /** Low 32 bits of the serial: 8 lower-case hex digits, the board's default boot prefix. */
  readonly serial32?: string;
  /** Hardware address, lower case with colons. */
  readonly mac: string;
  /** Option 93, RFC 4578 section 2.1 and IANA's list; Raspberry Pi firmware claims 0, x86 BIOS. */
  readonly architecture?: number;
  /** Is the MAC from one of the manufacturer's blocks? Boards can override it. */
  readonly raspberryPiMac: boolean;
  /** The rule that decided, for people. */
  readonly why: string;
}

/** Manufacturer blocks seen on Raspberry Pi boards. More keep being added: a setting may replace this list. */
export const raspberryPiOuis: readonly string[] = [
  'b8:27:eb',
  'dc:a6:32',
  'e4:5f:01',
  'd8:3a:dd',
  '2c:cf:67',
  '28:cd:c1',
];

/** Boards up to the Pi 3, whose client is the ROM or bootcode.bin. */
const olderOui = 'b8:27:eb';
/** The transaction id of every DISCOVER of a 3B's ROM. */
const romXid = 0x26f3_0339;
const romFill = 0x44;
/** UEFI machines, over TFTP or HTTP: IANA "Processor Architecture Types". */
const efiArchitectures = new Set([6, 7, 8, 9, 10, 11, 15, 16, 17, 18, 19, 20, 25, 26, 27, 28, 29, 30]);

/** Classifies a message of a client. Pure: the same bytes give the same answer. */
export function recognise(message: DhcpMessage, ouis: readonly string[] = raspberryPiOuis): Recognised {
  const mac = hardwareAddress(message);
  const architecture = readU16(message.options, option.clientArchitecture);
  const base = {
    mac,
    raspberryPiMac: ouis.some((oui) => mac.startsWith(oui.toLowerCase())),
    ...(architecture === undefined ? {} : { architecture }),
  };
  return { ...base, ...(firmware(message, architecture) ?? board(message, base) ?? leftover(message, base)) };
}

type Verdict = Omit<Recognised, 'mac' | 'raspberryPiMac' | 'architecture'>;
type Base = Pick<Recognised, 'mac' | 'raspberryPiMac' | 'architecture'>;

/** Firmware that names itself. It may run on a Raspberry Pi too, and then behaves as itself, not as the board's EEPROM. */
function firmware(message: DhcpMessage, architecture: number | undefined): Verdict | undefined {
  const { options } = message;
  if (options.has(option.ipxe)) return { kind: 'ipxe', why: 'option 175' };
  if (readText(options, option.userClass)?.includes('iPXE')) return { kind: 'ipxe', why: 'user class iPXE' };
  const vendorClass = readText(options, option.vendorClass) ?? '';
  if (vendorClass.startsWith('U-Boot')) return { kind: 'uboot', why: `vendor class ${vendorClass}` };
  if (isPxeClient(message) && architecture !== undefined && efiArchitectures.has(architecture)) {
    return { kind: 'edk2', why: `PXEClient with UEFI architecture ${architecture}` };
  }
  return undefined;
}

/** The rules for Raspberry Pi firmware, surest first. Option 60 is not asked for: early Pi 4 left it out of REQUEST. */
function board(message: DhcpMessage, base: Base): Verdict | undefined {
  const machine = message.options.get(option.clientMachine);
  if (machine?.length === 17 && machine[0] === 0) {
    const id = machine.subarray(1);
    const verdict = eepromId(message, id) ?? repeatedWord(message, id, base);
    if (verdict) return verdict;
  }
  if (base.raspberryPiMac && isPxeClient(message) && base.architecture === 0) {
    const kind = base.mac.startsWith(olderOui) ? 'bc' : 'ee';
    return { kind, why: 'PXEClient with a Raspberry Pi hardware address', ...(kind === 'bc' ? { model: 'pi3' } : {}) };
  }
  return undefined;
}

const fourCcs: Readonly<Record<string, PiModel>> = { RPi4: 'pi4', '4iPR': 'pi4', RPi5: 'pi5', '5iPR': 'pi5' };

/** FourCC, board revision, low MAC bytes, serial: the default since 2020. The FourCC can be configured away. */
function eepromId(message: DhcpMessage, id: Uint8Array): Verdict | undefined {
  const family = fourCcs[String.fromCharCode(...id.subarray(0, 4))];
  const boardRevision = littleEndian(id, 4);
  const revision = decodeBoardRevision(boardRevision);
  const macFits = [0, 1, 2, 3].every((i) => id[8 + i] === message.chaddr[2 + i]);
  if (!family && !(macFits && revision)) return undefined;
  const model = revision?.model ?? family;
  return {
    kind: 'ee',
    ...(model ? { model } : {}),
    ...(revision ? { boardRevision } : {}),
    serial32: hex32(littleEndian(id, 12)),
    why: family ? 'option 97 begins with RPi4 or RPi5' : 'option 97 holds a board revision and the hardware address',
  };
}

/** One 32-bit word four times: the serial, or the 3B ROM's constant. */
function repeatedWord(message: DhcpMessage, id: Uint8Array, base: Base): Verdict | undefined {
  if (id.some((byte, i) => byte !== id[i % 4])) return undefined;
  if (id.every((byte) => byte === romFill)) {
    const why = message.xid === romXid ? 'the 3B ROM’s constant option 97 and xid' : 'the 3B ROM’s constant option 97';
    return { kind: 'rom', model: 'pi3', why };
  }
  if (base.architecture !== 0 || id.every((byte) => byte === 0 || byte === 0xff)) return undefined;
  const newer = base.raspberryPiMac && !base.mac.startsWith(olderOui);
  return {
    kind: newer ? 'ee' : 'bc',
    ...(newer ? {} : { model: 'pi3' as const }),
    serial32: hex32(littleEndian(id, 0)),
    why: 'option 97 is the serial, four times',
  };
}

function leftover(message: DhcpMessage, base: Base): Verdict {
  if (isPxeClient(message)) return { kind: 'pxe-other', why: 'PXEClient of an unknown kind' };
  return { kind: 'other', why: base.raspberryPiMac ? 'a Raspberry Pi, but not its boot firmware' : 'no boot client' };
}

const isPxeClient = (message: DhcpMessage): boolean =>
  readText(message.options, option.vendorClass)?.startsWith('PXEClient') ?? false;

const littleEndian = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;

const hex32 = (number: number): string => number.toString(16).padStart(8, '0');
