import type { DhcpMessage } from './codec.js';
import { option, textToBytes } from './options.js';
import type { Recognised } from './recognise.js';

/** Where a client that is told a boot file finds it. Raspberry Pi firmware knows its own file names and needs neither. */
export interface BootAnswer {
  /** Path on the server, for UEFI, iPXE and U-Boot. */
  readonly bootFile?: string;
  /** TFTP server, a dotted quad; ours when absent. */
  readonly bootServer?: string;
}

/** The parts of a reply that concern booting. */
export interface BootFields {
  readonly siaddr: string;
  readonly sname: string;
  readonly file: string;
  readonly options: readonly (readonly [code: number, value: Uint8Array])[];
}

/** Is this one of the three Raspberry Pi clients, that want the PXE menu? */
export const isRaspberryPiClient = ({ kind }: Pick<Recognised, 'kind'>): boolean =>
  kind === 'rom' || kind === 'bc' || kind === 'ee';

const pxeClient = textToBytes('PXEClient');

/** PXE vendor options (Intel's PXE 2.1 specification, table 2-1). */
const pxe = { discoveryControl: 6, bootMenu: 9, menuPrompt: 10, end: 255 } as const;

/**
 * Option 43 as Raspberry Pi firmware looks for it: no broadcast or multicast discovery, prompt "PXE" without time-out,
 * one menu entry of type 0. The text carries three trailing blanks: the 3B's ROM compares by a wrong length, and all
 * others look for the text inside.
 */
export const raspberryPiMenu: Uint8Array = vendorOptions([
  [pxe.discoveryControl, [3]],
  [pxe.menuPrompt, [0, ...textToBytes('PXE')]],
  [pxe.bootMenu, [0, 0, 20, ...textToBytes('Raspberry Pi Boot   ')]],
]);

/** Option 43 that says: do not discover, take the boot file of this very answer. */
const useGivenFile = vendorOptions([[pxe.discoveryControl, [8]]]);

function vendorOptions(options: readonly (readonly [code: number, value: readonly number[]])[]): Uint8Array {
  return new Uint8Array([...options.flatMap(([code, value]) => [code, value.length, ...value]), pxe.end]);
}

/** Class and machine id, that every PXE answer repeats (RFC 4578 section 2.3, PXE 2.1). */
export function pxeIdentity(request: DhcpMessage): [number, Uint8Array][] {
  const machine = request.options.get(option.clientMachine);
  return [
    [option.vendorClass, pxeClient],
    ...(machine ? [[option.clientMachine, machine] as [number, Uint8Array]] : []),
  ];
}

/** What tells a Raspberry Pi's firmware to boot from us. */
export function menuFields(request: DhcpMessage, siaddr: string): BootFields {
  return { siaddr, sname: '', file: '', options: [...pxeIdentity(request), [option.vendorSpecific, raspberryPiMenu]] };
}

/** Longest boot file name: the header field has 128 bytes with a terminator, an option 255. */
const fileFieldBytes = 127;
const bootFileBytes = 255;

/** Boot file and server, in the header fields and as options: clients differ in which they read. */
export function fileFields(request: DhcpMessage, client: Recognised, boot: BootAnswer, server: string): BootFields {
  const file = (boot.bootFile ?? '').slice(0, bootFileBytes);
  const bootServer = boot.bootServer ?? server;
  const speaksPxe = client.kind !== 'uboot';
  // UEFI takes the file of the port 4011 answer as it is; others would look for a menu.
  const endsDiscovery = client.kind === 'ipxe' || client.kind === 'pxe-other';
  return {
    siaddr: bootServer,
    sname: bootServer,
    file: file.length <= fileFieldBytes ? file : '',
    options: [
      ...(speaksPxe ? pxeIdentity(request) : []),
      [option.tftpServerName, textToBytes(bootServer)],
      [option.bootFileName, textToBytes(file)],
      ...(endsDiscovery ? [[option.vendorSpecific, useGivenFile] as [number, Uint8Array]] : []),
    ],
  };
}
