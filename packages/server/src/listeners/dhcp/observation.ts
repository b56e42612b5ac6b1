import {
  anyAddress,
  hardwareAddress,
  option,
  readAddress,
  readMessageType,
  readText,
  type DhcpMessage,
  type MessageTypeName,
  type Recognised,
} from '@drover/protocols/dhcp';
import type { DhcpDoor, DhcpEvent, DhcpObservation } from './types.js';

/** A client's message in the words of the port. */
export function observationOf(
  message: DhcpMessage,
  client: Recognised,
  type: MessageTypeName,
  door: DhcpDoor,
  localAddress: string | undefined,
): DhcpObservation {
  const requested = readAddress(message.options, option.requestedAddress);
  const address = message.ciaddr === anyAddress ? requested : message.ciaddr;
  const chosenServer = readAddress(message.options, option.serverIdentifier);
  const hostname = readText(message.options, option.hostname);
  return {
    client,
    type,
    door,
    xid: message.xid,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(message.giaddr === anyAddress ? {} : { relay: message.giaddr }),
    ...(address === undefined ? {} : { address }),
    ...(chosenServer === undefined ? {} : { chosenServer }),
    ...(hostname === undefined ? {} : { hostname }),
  };
}

/** Options of another server that make boards boot from elsewhere, or not at all. */
const misleading = [option.vendorSpecific, option.vendorClass, option.tftpServerName, option.bootFileName];

/** The event for an answer that is not ours, undefined for anything else. */
export function otherServerEvent(
  message: DhcpMessage,
  from: string,
  ours: readonly string[],
): Extract<DhcpEvent, { kind: 'other-server' }> | undefined {
  const type = readMessageType(message.options);
  if (message.op !== 'reply' || (type !== 'offer' && type !== 'ack')) return undefined;
  const server = readAddress(message.options, option.serverIdentifier) ?? from;
  if (ours.includes(server) || ours.includes(from)) return undefined;
  const options = misleading.filter((code) => message.options.has(code));
  const tftpServer = readText(message.options, option.tftpServerName);
  const bootFile = readText(message.options, option.bootFileName) ?? (message.file === '' ? undefined : message.file);
  return {
    kind: 'other-server',
    server,
    type,
    mac: hardwareAddress(message),
    xid: message.xid,
    address: message.yiaddr,
    conflicts: options.length > 0,
    options,
    ...(tftpServer === undefined ? {} : { tftpServer }),
    ...(bootFile === undefined ? {} : { bootFile }),
  };
}
