import {
  decodeString,
  encodeMessage,
  encodeString,
  maxStringBytes,
  putUint16,
  putUint32,
  putUint64,
  uint16,
  uint32,
} from './bytes.js';
import { handshakeFlag, infoType, magic, optionReply } from './constants.js';
import type { NbdBlockSize } from './export-info.js';

/** Data of NBD_OPT_INFO and NBD_OPT_GO. */
export interface InfoRequest {
  readonly name: string;
  /** NBD_INFO_* the client wants; numbers no one knows among them are to be ignored. */
  readonly information: readonly number[];
}

/** Data of NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT. */
export interface MetaContextRequest {
  readonly name: string;
  readonly queries: readonly string[];
}

export type OptionDecoded<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly tooBig: boolean; readonly message: string };

const invalid = (message: string) => ({ ok: false, tooBig: false, message }) as const;

const badName = 'the export name is no UTF-8 string without NUL of at most 4096 bytes';

/** proto.md, "Option types", NBD_OPT_INFO and NBD_OPT_GO. */
export function decodeInfoRequest(data: Uint8Array): OptionDecoded<InfoRequest> {
  if (data.length < 6) return invalid('the option has fewer than 6 bytes of data');
  const nameLength = uint32(data, 0);
  // "MUST be no larger than the option data length - 6"
  if (nameLength > data.length - 6) return invalid('the export name is longer than the option');
  const name = decodeString(data.subarray(4, 4 + nameLength));
  if (name === undefined) return invalid(badName);
  const listAt = 6 + nameLength;
  const count = uint16(data, listAt - 2);
  if (data.length !== listAt + 2 * count) return invalid('the number of information requests does not fit the option');
  const information = Array.from({ length: count }, (_, i) => uint16(data, listAt + 2 * i));
  return { ok: true, value: { name, information } };
}

/** proto.md, "Option types", NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT. */
export function decodeMetaContextRequest(data: Uint8Array, mostQueries: number): OptionDecoded<MetaContextRequest> {
  if (data.length < 8) return invalid('the option has fewer than 8 bytes of data');
  const nameLength = uint32(data, 0);
  if (nameLength > data.length - 8) return invalid('the export name is longer than the option');
  const name = decodeString(data.subarray(4, 4 + nameLength));
  if (name === undefined) return invalid(badName);
  const count = uint32(data, 4 + nameLength);
  // "the server MAY fail with NBD_REP_ERR_TOO_BIG if too many queries are requested"
  if (count > mostQueries) return { ok: false, tooBig: true, message: `at most ${mostQueries} queries are answered` };
  const queries: string[] = [];
  let at = 8 + nameLength;
  for (let i = 0; i < count; i += 1) {
    // "a query length that would require reading beyond the original length": MUST fail with NBD_REP_ERR_INVALID
    if (data.length - at < 4 || uint32(data, at) > data.length - at - 4)
      return invalid('a query is longer than the option');
    const end = at + 4 + uint32(data, at);
    const query = decodeString(data.subarray(at + 4, end));
    if (query === undefined) return invalid('a query is no UTF-8 string without NUL of at most 4096 bytes');
    // "lacking the required colon that delimits the namespace"
    if (!query.includes(':')) return invalid('a query has no colon between namespace and leaf name');
    queries.push(query);
    at = end;
  }
  if (at !== data.length) return invalid('there are bytes behind the last query');
  return { ok: true, value: { name, queries } };
}

/** The server's first words (proto.md, "Newstyle negotiation" and "Fixed newstyle negotiation"). */
export function encodeGreeting(): Uint8Array {
  const bytes = new Uint8Array(18);
  putMagic(bytes, 0, magic.init);
  putMagic(bytes, 8, magic.option);
  putUint16(bytes, 16, handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes);
  return bytes;
}

/** Reply to NBD_OPT_EXPORT_NAME: there is no header, and 124 zeroes unless NBD_FLAG_C_NO_ZEROES was negotiated. */
export function encodeExportNameReply(size: number, flags: number, noZeroes: boolean): Uint8Array {
  const bytes = new Uint8Array(noZeroes ? 10 : 134);
  putUint64(bytes, 0, size);
  putUint16(bytes, 8, flags);
  return bytes;
}

/** A reply to an option (proto.md, "Fixed newstyle negotiation"). */
export function encodeOptionReply(option: number, type: number, data: Uint8Array = nothing): Uint8Array {
  const bytes = new Uint8Array(20 + data.length);
  putMagic(bytes, 0, magic.optionReply);
  putUint32(bytes, 8, option);
  putUint32(bytes, 12, type);
  putUint32(bytes, 16, data.length);
  bytes.set(data, 20);
  return bytes;
}

const nothing = new Uint8Array(0);

export const encodeAck = (option: number): Uint8Array => encodeOptionReply(option, optionReply.ack);

/** An error reply with words for a person (proto.md, "Option reply types"). */
export const encodeOptionError = (option: number, type: number, message: string): Uint8Array =>
  encodeOptionReply(option, type, encodeMessage(message, maxStringBytes));

/** NBD_REP_SERVER: one export of a list. */
export function encodeServer(option: number, name: string, description = ''): Uint8Array {
  const [nameBytes, more] = [encodeString(name), encodeMessage(description, maxStringBytes)];
  const data = new Uint8Array(4 + nameBytes.length + more.length);
  putUint32(data, 0, nameBytes.length);
  data.set(nameBytes, 4);
  data.set(more, 4 + nameBytes.length);
  return encodeOptionReply(option, optionReply.server, data);
}

/** NBD_REP_INFO with NBD_INFO_EXPORT. */
export function encodeInfoExport(option: number, size: number, flags: number): Uint8Array {
  const data = new Uint8Array(12);
  putUint16(data, 0, infoType.export);
  putUint64(data, 2, size);
  putUint16(data, 10, flags);
  return encodeOptionReply(option, optionReply.info, data);
}

/** NBD_REP_INFO with NBD_INFO_BLOCK_SIZE. */
export function encodeInfoBlockSize(option: number, { minimum, preferred, maximum }: NbdBlockSize): Uint8Array {
  const data = new Uint8Array(14);
  putUint16(data, 0, infoType.blockSize);
  putUint32(data, 2, minimum);
  putUint32(data, 6, preferred);
  putUint32(data, 10, maximum);
  return encodeOptionReply(option, optionReply.info, data);
}

/** NBD_REP_INFO with NBD_INFO_NAME or NBD_INFO_DESCRIPTION. */
export function encodeInfoText(option: number, type: number, text: string): Uint8Array {
  const string = encodeMessage(text, maxStringBytes);
  const data = new Uint8Array(2 + string.length);
  putUint16(data, 0, type);
  data.set(string, 2);
  return encodeOptionReply(option, optionReply.info, data);
}

/** NBD_REP_META_CONTEXT. */
export function encodeMetaContext(option: number, id: number, name: string): Uint8Array {
  const string = encodeString(name);
  const data = new Uint8Array(4 + string.length);
  putUint32(data, 0, id);
  data.set(string, 4);
  return encodeOptionReply(option, optionReply.metaContext, data);
}

function putMagic(bytes: Uint8Array, at: number, [high, low]: readonly [number, number]): void {
  putUint32(bytes, at, high);
  putUint32(bytes, at + 4, low);
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
