import { fileFields, isRaspberryPiClient, menuFields, type BootAnswer, type BootFields } from './boot-fields.js';
import { hardwareAddress, type DhcpMessage } from './codec.js';
import { anyAddress } from './ipv4.js';
import {
  broadcastOf,
  chooseAddress,
  inSubnet,
  isAvailable,
  leaseOf,
  type Lease,
  type LeaseSettings,
  type LeaseTable,
} from './lease-table.js';
import { address, addressList, option, readAddress, readMessageType, readText, textToBytes, u32 } from './options.js';
import type { Recognised } from './recognise.js';
import { replyTo } from './reply.js';

/** One message to a full DHCP server and all it may look at. */
export interface LeaseRequest {
  readonly message: DhcpMessage;
  readonly client: Recognised;
  readonly settings: LeaseSettings;
  readonly table: LeaseTable;
  /** Seconds since 1970. */
  readonly now: number;
  /** Boot information to add for a boot client that is to boot from us; undefined gives an address only. */
  readonly boot?: BootAnswer;
}

export interface LeaseAnswer {
  readonly table: LeaseTable;
  /** Leases that differ from before: to be persisted before the reply is sent. */
  readonly changed: readonly Lease[];
  readonly reply?: DhcpMessage;
  /** What happened, for the log. */
  readonly why: string;
}

/**
 * The server side of RFC 2131 section 4.3.
 *
 * Clients are told apart by hardware address, not by client identifier (section 4.2 allows only the latter when there is
 * one): a board's firmware, its initramfs and its operating system use different identifiers, and should get one address.
 */
export function answerLease(request: LeaseRequest): LeaseAnswer {
  const { message } = request;
  if (message.op !== 'request' || message.htype !== 1 || message.hlen !== 6)
    return silent(request, 'not an Ethernet client');
  switch (readMessageType(message.options)) {
    case 'discover':
      return onDiscover(request);
    case 'request':
      return onRequest(request);
    case 'decline':
      return onDecline(request);
    case 'release':
      return onRelease(request);
    case 'inform':
      return onInform(request);
    default:
      return silent(request, 'no message of a client');
  }
}

const silent = ({ table }: LeaseRequest, why: string): LeaseAnswer => ({ table, changed: [], why });

function change({ table }: LeaseRequest, lease: Lease): Pick<LeaseAnswer, 'table' | 'changed'> {
  return { table: new Map(table).set(lease.address, lease), changed: [lease] };
}

/** Section 4.3.1. */
function onDiscover(request: LeaseRequest): LeaseAnswer {
  const { message, client, settings, table, now } = request;
  const mac = hardwareAddress(message);
  const requested = readAddress(message.options, option.requestedAddress);
  const chosen = chooseAddress(settings, table, mac, requested, now);
  if (chosen === undefined) return silent(request, 'no address is left in the pool');
  const held = leaseOf(table, mac);
  const running = held?.address === chosen && held.state === 'bound' && held.expiresAt > now;
  // ROM and bootcode.bin take an OFFER for a lease and never send a REQUEST.
  const binds = client.kind === 'rom' || client.kind === 'bc';
  const seconds = binds ? settings.leaseSeconds : settings.offerSeconds;
  const lease = newLease(request, chosen, binds ? 'bound' : 'offered', seconds);
  // A running lease is not cut short by its owner asking again.
  const kept = running && held.expiresAt > lease.expiresAt;
  return {
    ...(kept ? { table, changed: [] } : change(request, lease)),
    reply: grant(request, 'offer', chosen),
    why: `offered ${chosen}`,
  };
}

/** Section 4.3.2: SELECTING has a server identifier, INIT-REBOOT a requested address, RENEWING and REBINDING `ciaddr`. */
function onRequest(request: LeaseRequest): LeaseAnswer {
  const { message, settings, table, now } = request;
  const mac = hardwareAddress(message);
  const chosenServer = readAddress(message.options, option.serverIdentifier);
  const requested = readAddress(message.options, option.requestedAddress);
  if (chosenServer !== undefined && chosenServer !== settings.server) return onOtherServer(request, chosenServer);
  const wanted = requested ?? message.ciaddr;
  if (wanted === anyAddress) return silent(request, 'REQUEST without an address');
  if (!inSubnet(settings, wanted)) return refuse(request, `${wanted} is not of this network`);
  // After its own DISCOVER the address was just offered; otherwise it must be one we remember giving to this client.
  const known = chosenServer !== undefined || table.get(wanted)?.mac === mac;
  if (!known) {
    const own = leaseOf(table, mac);
    if (own) return refuse(request, `your address is ${own.address}`);
    if (!settings.authoritative) return silent(request, `${wanted} is not known here`);
  }
  if (!isAvailable(settings, table, wanted, mac, now)) return refuse(request, `${wanted} is not yours to have`);
  return {
    ...bind(request, newLease(request, wanted, 'bound', settings.leaseSeconds)),
    reply: grant(request, 'ack', wanted),
    why: `bound ${wanted}`,
  };
}

/** Takes a lease into the table and frees what the client held besides. */
function bind({ table, now }: LeaseRequest, lease: Lease): Pick<LeaseAnswer, 'table' | 'changed'> {
  const freed = [...table.values()]
    .filter(({ mac, address: at, state }) => mac === lease.mac && at !== lease.address && state !== 'declined')
    .filter(({ state }) => state !== 'released')
    .map((other): Lease => ({ ...other, state: 'released', expiresAt: now }));
  const changed = [...freed, lease];
  return { table: new Map([...table, ...changed.map((each) => [each.address, each] as const)]), changed };
}

/** The client took another server's offer: ours is free again. */
function onOtherServer(request: LeaseRequest, server: string): LeaseAnswer {
  const own = leaseOf(request.table, hardwareAddress(request.message));
  const why = `the client chose the server ${server}`;
  if (own?.state !== 'offered') return silent(request, why);
  return { ...change(request, { ...own, state: 'released', expiresAt: request.now }), why };
}

/** Section 4.3.3. */
function onDecline(request: LeaseRequest): LeaseAnswer {
  const { message, settings, table, now } = request;
  const mac = hardwareAddress(message);
  const declined = readAddress(message.options, option.requestedAddress);
  const lease = declined === undefined ? undefined : table.get(declined);
  if (lease?.mac !== mac) return silent(request, 'DECLINE of an address that was not given');
  const changed: Lease = { ...lease, state: 'declined', expiresAt: now + settings.declineSeconds };
  return { ...change(request, changed), why: `${lease.address} is in use by someone else` };
}

/** Section 4.3.4: what was given is remembered, so that the client gets it again. */
function onRelease(request: LeaseRequest): LeaseAnswer {
  const { message, table, now } = request;
  const lease = table.get(message.ciaddr);
  if (lease?.mac !== hardwareAddress(message)) return silent(request, 'RELEASE of an address that was not given');
  return { ...change(request, { ...lease, state: 'released', expiresAt: now }), why: `released ${lease.address}` };
}

/** Section 4.3.5: parameters without address and lease time. */
function onInform(request: LeaseRequest): LeaseAnswer {
  const { message, settings } = request;
  const boot = bootFields(request);
  const reply = replyTo(message, {
    type: 'ack',
    server: settings.server,
    ciaddr: message.ciaddr,
    ...boot,
    options: [...networkOptions(settings), ...boot.options],
  });
  return { ...silent(request, `informed ${message.ciaddr}`), reply };
}

function newLease(request: LeaseRequest, at: string, state: 'offered' | 'bound', seconds: number): Lease {
  const hostname = readText(request.message.options, option.hostname)
    ?.replace(/[^A-Za-z0-9.-]/g, '')
    .slice(0, 63);
  return {
    address: at,
    mac: hardwareAddress(request.message),
    state,
    expiresAt: request.now + seconds,
    ...(hostname ? { hostname } : {}),
  };
}

function grant(request: LeaseRequest, type: 'offer' | 'ack', yiaddr: string): DhcpMessage {
  const { message, settings } = request;
  const boot = bootFields(request);
  const clientId = message.options.get(option.clientIdentifier);
  return replyTo(message, {
    type,
    server: settings.server,
    yiaddr,
    ciaddr: type === 'ack' ? message.ciaddr : anyAddress,
    siaddr: boot.siaddr,
    sname: boot.sname,
    file: boot.file,
    options: [
      [option.leaseTime, u32(settings.leaseSeconds)],
      // Section 4.4.5: half and seven eighths of the lease.
      [option.renewalTime, u32(settings.leaseSeconds / 2)],
      [option.rebindingTime, u32((settings.leaseSeconds * 7) / 8)],
      ...networkOptions(settings),
      // RFC 6842: the identifier goes back as it came.
      ...(clientId ? [[option.clientIdentifier, clientId] as const] : []),
      ...boot.options,
    ],
  });
}

function refuse(request: LeaseRequest, why: string): LeaseAnswer {
  const reply = replyTo(request.message, {
    type: 'nak',
    server: request.settings.server,
    broadcast: true,
    options: [[option.message, textToBytes(why)]],
  });
  return { ...silent(request, why), reply };
}

function networkOptions(settings: LeaseSettings): (readonly [number, Uint8Array])[] {
  const { subnetMask, router, dns, domain } = settings;
  return [
    [option.subnetMask, address(subnetMask)],
    [option.broadcastAddress, address(broadcastOf(settings))],
    ...(router === undefined ? [] : [[option.router, address(router)] as const]),
    ...(dns.length === 0 ? [] : [[option.dns, addressList(dns)] as const]),
    ...(domain === undefined ? [] : [[option.domain, textToBytes(domain)] as const]),
  ];
}

/** With an address comes all a boot client needs: it has no second server to ask. */
function bootFields({ message, client, settings, boot }: LeaseRequest): BootFields {
  const none: BootFields = { siaddr: anyAddress, sname: '', file: '', options: [] };
  if (!boot || client.kind === 'other') return none;
  if (isRaspberryPiClient(client)) return menuFields(message, settings.server);
  return boot.bootFile === undefined ? none : fileFields(message, client, boot, settings.server);
}
