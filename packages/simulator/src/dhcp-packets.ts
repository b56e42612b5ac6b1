/**
 * What each of the three clients puts on the wire, written as the bytes of the captures in the wire reference (section 1), with gaps for
 * what differs per board. Nothing is shared with the server: a misreading there must not be mirrored here.
 */
import { addressBytes } from './addresses.js';
import type { BoardIdentity } from './identity.js';
import { macBytes } from './identity.js';
import type { DhcpKind, EepromSettings, Quirks } from './types.js';

/** The mask ROM's transaction id never changes. */
export const romTransactionId = 0x26f30339;

/** Magic cookie, then option 53 = DISCOVER. */
const discoverStart = '63825363' + '350101';
const requestStart = '63825363' + '350103';

/** Option 55 of the ROM: 43, 60, 67, 128 to 135, 66. tcpdump prints option 67 as "BF". */
const romParameterList = '370c' + '2b3c43' + '8081828384858687' + '42';

/** Option 55 of BC and EE: 1, 3, 43, 60, 66, 67, 128 to 135. */
const laterParameterList = '370e' + '01032b3c4243' + '8081828384858687';

/** Option 93 = 0 (x86 BIOS, whatever the board), option 94 = UNDI 2.1. */
const architecture = '5d020000' + '5e03010201';

/** Option 60, "PXEClient:Arch:00000:UNDI:002001". */
const vendorClass = '3c20' + '505845436c69656e743a417263683a30303030303a554e44493a303032303031';

const end = 'ff';

/** Options 97 of the 3B's ROM: sixteen times 0x44, no board's name. */
const romGuid = '44'.repeat(16);

const littleEndian32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};

const serialWord = (identity: BoardIdentity): Buffer => littleEndian32(parseInt(identity.shortSerial, 16));

const fourTimes = (word: Buffer): Buffer => Buffer.concat([word, word, word, word]);

const fourccBytes = (identity: BoardIdentity, eeprom: EepromSettings, quirks: Quirks): Buffer => {
  if (eeprom.DHCP_OPTION97 !== undefined) {
    const custom = Buffer.alloc(4);
    custom.writeUInt32BE(eeprom.DHCP_OPTION97 >>> 0);
    return custom;
  }
  const text = identity.model.fourcc ?? 'RPi4';
  return Buffer.from(quirks.fourccOrder === 'plain' ? text : [...text].reverse().join(''), 'ascii');
};

/** What a DISCOVER depends on, besides the kind of client. */
export interface DhcpIdentity {
  readonly identity: BoardIdentity;
  readonly eeprom: EepromSettings;
  readonly quirks: Quirks;
}

/** Option 97's value: a type byte 0, then sixteen bytes. */
export const clientGuid = (kind: DhcpKind, { identity, eeprom, quirks }: DhcpIdentity): Buffer => {
  const type = Buffer.from([0]);
  if (kind === 'rom') return Buffer.concat([type, Buffer.from(romGuid, 'hex')]);
  if (kind !== 'ee' || eeprom.DHCP_OPTION97 === 0) return Buffer.concat([type, fourTimes(serialWord(identity))]);
  const mac = macBytes(identity.mac).subarray(2);
  return Buffer.concat([
    type,
    fourccBytes(identity, eeprom, quirks),
    littleEndian32(identity.revision),
    mac,
    serialWord(identity),
  ]);
};

/** Where the board stands: behind a relay its messages carry the relay's address and one hop. */
export interface Standing {
  readonly broadcastFlag: boolean;
  readonly relay?: string;
}

/** The 236 fixed bytes of a BOOTP request. */
const fixedPart = (identity: BoardIdentity, xid: number, standing: Standing): Buffer => {
  const bytes = Buffer.alloc(236);
  Buffer.from('01010600', 'hex').copy(bytes);
  if (standing.relay !== undefined) bytes[3] = 1;
  bytes.writeUInt32BE(xid >>> 0, 4);
  if (standing.broadcastFlag) bytes.writeUInt16BE(0x8000, 10);
  if (standing.relay !== undefined) addressBytes(standing.relay).copy(bytes, 24);
  macBytes(identity.mac).copy(bytes, 28);
  return bytes;
};

const fromHex = (...parts: readonly string[]): Buffer => Buffer.from(parts.join(''), 'hex');

/** Order of the options as captured from a 3B: 53, 55, 93, 94, 97, 60, end; 320 bytes in all. */
export const discoverPacket = (kind: DhcpKind, board: DhcpIdentity, xid: number, standing: Standing): Buffer => {
  const list = kind === 'rom' ? romParameterList : laterParameterList;
  const guid = '6111' + clientGuid(kind, board).toString('hex');
  return Buffer.concat([
    fixedPart(board.identity, xid, standing),
    fromHex(discoverStart, list, architecture, guid, vendorClass, end),
  ]);
};

/** The EEPROM's REQUEST, the only one any of the boards sends: 53, 50 = address, 54 = server, then as in its DISCOVER. */
export const requestPacket = (
  board: DhcpIdentity,
  xid: number,
  standing: Standing,
  lease: { readonly address: string; readonly server: string },
): Buffer => {
  const wanted = '3204' + addressBytes(lease.address).toString('hex');
  const server = '3604' + addressBytes(lease.server).toString('hex');
  const guid = '6111' + clientGuid('ee', board).toString('hex');
  const vendor = board.quirks.requestWithoutVendorClass ? '' : vendorClass;
  return Buffer.concat([
    fixedPart(board.identity, xid, standing),
    fromHex(requestStart, wanted, server, laterParameterList, architecture, guid, vendor, end),
  ]);
};
