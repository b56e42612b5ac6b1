import { idempotencyKey } from '../digests.js';
import { isRefusal } from '../explain.js';
import { CpiFailure } from '../failure.js';
import { inTurn, makeOnce, succeed } from '../jobs.js';
import { snapshotCid, snapshotOf } from '../names.js';
import type { ArgumentsOf } from '../schemas.js';
import type { Session } from '../session.js';
import { requireDisk } from './disks.js';

export const snapshotDisk = async (
  session: Session,
  [cid, metadata]: ArgumentsOf<'snapshot_disk'>,
): Promise<string> => {
  const { client, director, request } = session;
  const { id } = await requireDisk(session, cid);
  const params = { ref: id };
  const key = ['snapshot_disk', director, request.context['request_id'] ?? null, id, metadata ?? null];
  const snapshot = await makeOnce(
    session,
    (attempt) =>
      inTurn(session, () =>
        client.disks.takeSnapshot({ params, body: {} }, { idempotencyKey: idempotencyKey(...key, attempt) }),
      ),
    async (made) => {
      const { items } = await client.disks.snapshots({ params });
      return items.some((each) => each.id === made.id && each.state !== 'failed' && each.state !== 'deleting');
    },
  );
  await succeed(session, snapshot.job);
  return snapshotCid(id, snapshot.id);
};

export const deleteSnapshot = async (session: Session, [cid]: ArgumentsOf<'delete_snapshot'>): Promise<null> => {
  const named = snapshotOf(cid);
  if (named === undefined) throw new CpiFailure('CloudError', `${cid} is not the id of a snapshot of this CPI.`);
  const params = { ref: named.disk, snapshot: named.snapshot };
  try {
    const { job } = await inTurn(session, () => session.client.disks.deleteSnapshot({ params }));
    await succeed(session, job);
  } catch (error) {
    if (!isRefusal(error, 'snapshot.not-found', 'disk.not-found')) throw error;
  }
  return null;
};
