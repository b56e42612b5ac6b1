import { disksFile, disksText } from '../../domain/bakery.js';
import type { OwnFile } from '../../domain/identity-tar.js';
import type { Transaction } from '../store/ports.js';

/** What boards that were made for Bakery look for at their start. */
export async function bakeryFiles(tx: Transaction, device: string): Promise<OwnFile[]> {
  const bytes = Buffer.from(disksText(await tx.disks.attachedTo(device)));
  return [{ ...disksFile, uid: 0, gid: 0, bytes }];
}
