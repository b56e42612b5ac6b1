import type { Lab, LabProcess } from '../lab/index.js';

/**
 * dnsmasq as the network-boot server of the lab's segment: a proxy beside the router's DHCP, and TFTP from `root`. What Drover
 * takes the place of; firmware that loads from this server and not from ours has found a fault of ours.
 */
export async function startDnsmasqNetboot(lab: Lab, options: { root: string; efiFile: string }): Promise<LabProcess> {
  const server = await lab.spawn(
    [
      ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--user=root', '--pid-file=', '--port=0'],
      ...['--interface=eth0', '--bind-interfaces', '--log-dhcp', '--log-facility=-'],
      `--dhcp-range=${lab.net.prefix}.0,proxy`,
      ...['--enable-tftp', `--tftp-root=${options.root}`],
      // 11 is the architecture of 64-bit ARM UEFI (RFC 4578 and IANA's processor architecture types).
      `--pxe-service=11,"Lab",${options.efiFile}`,
    ],
    { at: 'server', name: 'dnsmasq netboot' },
  );
  await server.console.expect('DHCP, proxy', 10_000);
  return server;
}
