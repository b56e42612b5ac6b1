import { refusal, success, type Build, type Principal, type Result } from '@drover/contract';
import { reaches } from '../../domain/tenancy.js';
import type { Transaction } from '../store/ports.js';
import type { BuildRecord } from './records.js';

const notFound = (id: string) =>
  refusal('build.not-found', `There is no build ${id}.`, { remedy: 'See `drover builds list`.' });

/** A build that this key sees: its tenant's, or one of the installation. */
export async function findBuild(tx: Transaction, who: Principal, id: string): Promise<Result<BuildRecord>> {
  const build = await tx.builds.get(id);
  return build !== undefined && (build.tenant === null || reaches(who, build.tenant)) ? success(build) : notFound(id);
}

/** As findBuild; this key may also change it. */
export async function findOwnBuild(tx: Transaction, who: Principal, id: string): Promise<Result<BuildRecord>> {
  const found = await findBuild(tx, who, id);
  if (!found.ok || reaches(who, found.value.tenant)) return found;
  return refusal('auth.forbidden', `The build ${id} belongs to the installation.`, {
    remedy: 'Ask an administrator of the installation.',
  });
}

export const isEnded = ({ endedAt }: Pick<Build, 'endedAt'>): boolean => endedAt !== null;

/** A build without what only the server needs. */
export const presentBuild = ({ imageId: _imageId, lock: _lock, ...build }: BuildRecord): Build => build;
