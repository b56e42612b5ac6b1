import { hostname, networkInterfaces } from 'node:os';
import { diagnose } from '@drover/doctor';
import { createDoctor, type Doctor, type DoctorDeps } from '../app/doctor/doctor.js';
import { presentAddresses } from '../boot-plane/settings.js';
import type { Settings } from '../config.js';

/** The server's half of the network doctor. */
export const createServerDoctor = (
  { boot, nfs }: Settings,
  parts: Pick<DoctorDeps, 'store' | 'clock' | 'images' | 'bootPlane' | 'conflicts' | 'version'>,
): Doctor =>
  createDoctor({
    ...parts,
    diagnose,
    host: hostname(),
    interfaces: () => presentAddresses('auto', networkInterfaces()),
    wanted: () => presentAddresses(boot.interfaces, networkInterfaces()),
    boards: {
      dhcpMode: boot.dhcp.mode,
      relay: boot.dhcp.relay,
      serverAddress: boot.serverAddress ?? null,
      tftpMaxBlockSize: boot.tftp.maxBlockSize,
      ports: {
        dhcp: boot.dhcp.port,
        tftp: boot.tftp.port,
        http: boot.http.listen[0]?.port ?? 0,
        nbd: boot.nbd.listen[0]?.port ?? 0,
        nfs: nfs.driver === 'off' ? null : nfs.driver === 'kernel' ? 2049 : nfs.port,
      },
    },
  });
