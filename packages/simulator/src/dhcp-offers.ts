/** Which OFFER a board takes, and what it takes from it: section 2 of the wire reference, as pure functions. */
import { isDottedQuad } from './addresses.js';
import { addressOption, vendorSubOptions, type DhcpReply } from './dhcp-replies.js';
import { abilitiesOf } from './settings.js';
import type { DhcpKind, EepromSettings, Quirks } from './types.js';

/** An address somebody offered. */
export interface OfferedLease {
  readonly address: string;
  /** Option 54 of that offer. */
  readonly server: string;
  readonly mask?: string;
  readonly router?: string;
}

/** What one OFFER is worth to this board. */
export interface OfferJudgement {
  readonly lease?: OfferedLease;
  readonly bootServer?: string;
  /** True when the boot server came from option 66, which outranks a menu. */
  readonly byOption66?: boolean;
  /** For the board's log: what was taken, or why nothing was. */
  readonly verdict: string;
}

/** What the judging board knows. */
export interface OfferContext {
  readonly kind: DhcpKind;
  readonly eeprom: EepromSettings;
  readonly quirks: Quirks;
  /** Option 97 as sent; it must come back. */
  readonly guid: Buffer;
  /** The board itself stands behind a (simulated) relay, so giaddr is expected. */
  readonly behindRelay: boolean;
}

/** Texts of the PXE boot menu (option 43, sub-option 9): type (2), length (1), text. */
const menuTexts = (menu: Buffer): string[] => {
  const texts: string[] = [];
  for (let at = 0; at + 3 <= menu.length;) {
    const length = menu[at + 2] ?? 0;
    texts.push(menu.subarray(at + 3, at + 3 + length).toString('latin1'));
    at += 3 + length;
  }
  return texts;
};

const hasMenu = ({ kind, quirks, eeprom }: OfferContext, option43: Buffer): boolean => {
  if (kind === 'ee') {
    const menu = vendorSubOptions(option43).get(9);
    return menu !== undefined && menuTexts(menu).some((text) => text.includes(eeprom.PXE_OPTION43));
  }
  const spaces = kind === 'rom' && quirks.romNeedsSpaces ? '   ' : '';
  return option43.toString('latin1').includes(`Raspberry Pi Boot${spaces}`);
};

/** Why the offer's menu is no use, or undefined when it is good. */
const menuFault = (context: OfferContext, reply: DhcpReply): string | undefined => {
  const option43 = reply.options.get(43);
  if (option43 === undefined) return 'no option 43';
  if (!hasMenu(context, option43)) return 'option 43 without the Raspberry Pi Boot menu';
  if (reply.options.get(60)?.toString('latin1').startsWith('PXEClient') !== true) return 'option 60 is not PXEClient';
  if (reply.options.get(97)?.equals(context.guid) !== true) return 'option 97 not echoed';
  return undefined;
};

const serverOfMenu = (context: OfferContext, reply: DhcpReply): string | undefined => {
  const honoursSiaddr = context.kind === 'ee' && abilitiesOf(context.eeprom.date).honoursSiaddr;
  return (honoursSiaddr ? reply.siaddr : undefined) ?? addressOption(reply, 54);
};

/** Option 66 counts on EE boards only, as ASCII; some servers end it with a NUL. */
const serverOfOption66 = (context: OfferContext, reply: DhcpReply): string | undefined => {
  if (context.kind !== 'ee') return undefined;
  const text = reply.options.get(66)?.toString('latin1').replace(/\0+$/, '');
  return text !== undefined && isDottedQuad(text) ? text : undefined;
};

const leaseOf = (reply: DhcpReply, server: string): OfferedLease | undefined => {
  if (reply.yiaddr === undefined) return undefined;
  const mask = addressOption(reply, 1);
  const routers = reply.options.get(3);
  const router = routers !== undefined && routers.length >= 4 ? [...routers.subarray(0, 4)].join('.') : undefined;
  return {
    address: reply.yiaddr,
    server,
    ...(mask === undefined ? {} : { mask }),
    ...(router === undefined ? {} : { router }),
  };
};

const describe = (lease: OfferedLease | undefined, boot: string | undefined, fault: string | undefined): string => {
  const address = lease === undefined ? 'no address' : `address ${lease.address}`;
  return boot === undefined ? `${address}; ${fault ?? 'no boot server'}` : `${address}; boot server ${boot}`;
};

/** Judges one OFFER of the right transaction. */
export const judgeOffer = (context: OfferContext, reply: DhcpReply): OfferJudgement => {
  const server = addressOption(reply, 54);
  if (server === undefined) return { verdict: 'refused: no option 54' };
  if (context.kind === 'rom' && reply.giaddr !== undefined && !context.behindRelay) {
    return { verdict: 'refused: came through a relay, which the mask ROM cannot use' };
  }
  const lease = leaseOf(reply, server);
  const byOption66 = serverOfOption66(context, reply);
  const fault = menuFault(context, reply);
  const bootServer = byOption66 ?? (fault === undefined ? serverOfMenu(context, reply) : undefined);
  return {
    ...(lease === undefined ? {} : { lease }),
    ...(bootServer === undefined ? {} : { bootServer }),
    ...(byOption66 === undefined ? {} : { byOption66: true }),
    verdict: describe(lease, bootServer, fault),
  };
};

/** What the board has gathered so far in one exchange. */
export interface Gathered {
  readonly lease?: OfferedLease;
  readonly bootServer?: string;
  readonly byOption66?: boolean;
}

/** Adds an offer: the first address and the first boot server stay, except that option 66 outranks a menu. */
export const gather = (before: Gathered, offer: OfferJudgement): Gathered => {
  const outranks = offer.byOption66 === true && before.byOption66 !== true;
  const takesBoot = offer.bootServer !== undefined && (before.bootServer === undefined || outranks);
  const lease = before.lease ?? offer.lease;
  const boot = takesBoot ? offer : before;
  return {
    ...(lease === undefined ? {} : { lease }),
    ...(boot.bootServer === undefined ? {} : { bootServer: boot.bootServer }),
    ...(boot.byOption66 === true ? { byOption66: true } : {}),
  };
};
