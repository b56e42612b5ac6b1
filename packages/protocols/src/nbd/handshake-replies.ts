import { baseAllocation, infoType, optionReply, optionType } from './constants.js';
import { transmissionFlags, type NbdExportInfo } from './export-info.js';
import type { NbdExportAnswer, NbdSession } from './handshake-types.js';
import {
  encodeAck,
  encodeExportNameReply,
  encodeInfoBlockSize,
  encodeInfoExport,
  encodeInfoText,
  encodeMetaContext,
  encodeOptionError,
  join,
  type InfoRequest,
  type MetaContextRequest,
} from './option-codec.js';

/** Metadata contexts a client has selected, and for which export. */
export interface Selection {
  readonly name: string;
  readonly allocationContext: number | undefined;
}

/** Any number does: "clients MUST therefore treat the ID as an opaque value". Zero is what a list says. */
const allocationContextId = 1;

/** How an export that is not to be had is reported: proto.md, NBD_OPT_INFO and NBD_OPT_GO, and "TLS support". */
export function refusalReply(
  option: number,
  refusal: NbdExportAnswer & { readonly ok: false },
  tls: { readonly offered: boolean; readonly up: boolean },
): Uint8Array {
  return encodeOptionError(option, refusalType(option, refusal.reason, tls), refusal.message);
}

function refusalType(
  option: number,
  reason: (NbdExportAnswer & { ok: false })['reason'],
  tls: { readonly offered: boolean; readonly up: boolean },
): number {
  switch (reason) {
    case 'unknown':
      return optionReply.errUnknown;
    case 'policy':
      return optionReply.errPolicy;
    case 'shutting-down':
      return optionReply.errShutdown;
    case 'tls-required': {
      // MUST NOT be sent without TLS on offer, with TLS up, or to any option other than INFO and GO.
      const asks = option === optionType.info || option === optionType.go;
      return asks && tls.offered && !tls.up ? optionReply.errTlsReqd : optionReply.errPolicy;
    }
  }
}

/** The information of NBD_OPT_INFO and NBD_OPT_GO, closed by the ACK. What nobody knows is ignored. */
export function infoReply(option: number, request: InfoRequest, info: NbdExportInfo, structured: boolean): Uint8Array {
  const asked = new Set(request.information);
  const parts = [encodeInfoExport(option, info.size, transmissionFlags(info, structured))];
  if (asked.has(infoType.name)) parts.push(encodeInfoText(option, infoType.name, request.name));
  if (asked.has(infoType.description) && info.description !== undefined) {
    parts.push(encodeInfoText(option, infoType.description, info.description));
  }
  // "The server MUST send this info if it is requested"; "MAY send [...] which are not explicitly requested".
  if (asked.has(infoType.blockSize) || info.blockSize.minimum > 1) {
    parts.push(encodeInfoBlockSize(option, info.blockSize));
  }
  return join([...parts, encodeAck(option)]);
}

/** How the transmission phase is entered: by NBD_OPT_GO when there is a `request`, else by NBD_OPT_EXPORT_NAME. */
export function enterReply(by: {
  readonly name: string;
  readonly request: InfoRequest | undefined;
  readonly info: NbdExportInfo;
  readonly structured: boolean;
  readonly noZeroes: boolean;
  readonly selection: Selection | undefined;
}): { bytes: Uint8Array; session: NbdSession } {
  const { name, request, info, structured } = by;
  const flags = transmissionFlags(info, structured);
  const session: NbdSession = {
    name,
    info,
    flags,
    structuredReplies: structured,
    blockSizeNegotiated: request?.information.includes(infoType.blockSize) ?? false,
    // Contexts count only when "it referred to the same export name that was ultimately selected".
    allocationContext: by.selection?.name === name ? by.selection.allocationContext : undefined,
  };
  const bytes = request
    ? infoReply(optionType.go, request, info, structured)
    : encodeExportNameReply(info.size, flags, by.noZeroes);
  return { bytes, session };
}

/** proto.md, NBD_OPT_LIST_META_CONTEXT, NBD_OPT_SET_META_CONTEXT and "The `base:` metadata namespace". */
export function metaContextReply(
  option: number,
  { name, queries }: MetaContextRequest,
  info: NbdExportInfo,
): { bytes: Uint8Array; selection: Selection } {
  const listing = option === optionType.listMetaContext;
  // Listing knows the wildcards "no query" and `base:`; selecting MUST ignore them. Unknown names are ignored.
  const matches = queries.some((query) => query === baseAllocation || (listing && query === 'base:'));
  const found = info.canBlockStatus && (matches || (listing && queries.length === 0));
  const id = listing ? 0 : allocationContextId;
  const contexts = found ? [encodeMetaContext(option, id, baseAllocation)] : [];
  return {
    bytes: join([...contexts, encodeAck(option)]),
    selection: { name, allocationContext: found ? allocationContextId : undefined },
  };
}
