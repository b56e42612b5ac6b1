import type { Observation } from '@drover/contract';

const given = (text: string | null | undefined, words: string): string =>
  text == null || text === '' ? '' : ` ${words} ${text}`;

const optionNames: Readonly<Record<number, string>> = {
  43: 'option 43',
  60: 'option 60',
  66: 'option 66',
  67: 'option 67',
};
export const optionsText = (options: readonly number[]): string =>
  options.map((option) => optionNames[option] ?? `option ${option}`).join(', ');

const textOf = (seen: Observation): string => {
  switch (seen.kind) {
    case 'host':
      return `this machine has ${seen.addresses.join(', ')}`;
    case 'dhcp.asked':
      return `asked for an address on ${seen.interface} as ${seen.clients.join(', ')}, listened ${seen.seconds} s`;
    case 'dhcp.offer':
      return `${seen.server} offered ${seen.address ?? 'no address'}${seen.bootOptions.length === 0 ? '' : ` with ${optionsText(seen.bootOptions)}`}${given(seen.tftpServer, 'naming')}${given(seen.bootFile, 'for')}${given(seen.relay, 'through the relay')} to a ${seen.client} client`;
    case 'dhcp.heard':
      return `${seen.mac} asked for an address on ${seen.interface}${given(seen.relay, 'through the relay')}`;
    case 'bpdu':
      return `${seen.protocol.toUpperCase()} frame from ${seen.from} on ${seen.interface}`;
    case 'link':
      return `${seen.interface} is ${seen.up ? 'up' : 'down'}, ${seen.carrier ? 'has a link' : 'has no link'}, MTU ${seen.mtu}`;
    case 'arp':
      return `${seen.address} was answered for by ${seen.macs.join(' and ')} on ${seen.interface}`;
    case 'tftp.read':
      return `${seen.path} from ${seen.server} port ${seen.port} in blocks of ${seen.blockSize}: ${seen.outcome}, ${seen.bytes} bytes${given(seen.message, 'with the words')}`;
    case 'http':
      return `${seen.url}: ${seen.outcome}${given(seen.detail, 'with')}`;
    case 'service':
      return `${seen.service.toUpperCase()} at ${seen.address} port ${seen.port}: ${seen.outcome}${given(seen.detail, 'with')}`;
    case 'clock':
      return `${seen.url} says ${seen.server}, this machine ${seen.here}`;
    case 'port':
      return `${seen.protocol.toUpperCase()} port ${seen.port} is ${seen.state}${given(seen.holder, 'by')}`;
    case 'firewall':
      return `${seen.tool} has the rule: ${seen.rule}`;
    case 'server':
      return `Drover ${seen.version} serves ${seen.interfaces.map(({ name, address }) => `${name} (${address})`).join(', ') || 'no interface'} with DHCP ${seen.dhcpMode}`;
    case 'server.refused':
      return `the server cannot serve at ${seen.address}: ${seen.reason}`;
    case 'server.rival':
      return `the server heard ${seen.server} answer with ${optionsText(seen.bootOptions)}${given(seen.tftpServer, 'naming')}`;
    case 'server.conflict':
      return seen.reason;
    case 'server.file':
      return `${seen.path} of ${seen.image} has ${seen.bytes} bytes`;
    case 'simulation':
      return `a simulated ${seen.model} was ${seen.outcome}${given(seen.step, 'at')}: ${seen.message}`;
    default:
      return 'something this version does not know';
  }
};

/** One observation in a line: time, where from, what. */
export const evidenceText = (seen: Observation): string => `${seen.at.slice(11, 19)} ${seen.by}: ${textOf(seen)}`;
