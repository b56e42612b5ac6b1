import type { Device, Disk, DiskSnapshot } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { JobActions, JobError, JobProgress } from '../../jobs/JobParts.js';
import { useMay } from '../../session/principal.js';
import { Button } from '../../ui/Button.js';
import { bytesText, countText } from '../../ui/format.js';
import { Menu, type MenuItem } from '../../ui/Menu.js';
import { ProblemNotice } from '../../ui/Notice.js';
import { Badge, StateDot } from '../../ui/State.js';
import { Time } from '../../ui/Time.js';
import layout from '../../ui/layout.module.css';
import {
  DeleteDiskDialog,
  DetachDialog,
  ForgetSnapshotDialog,
  ResizeDialog,
  RestoreDialog,
  SnapshotDialog,
} from './DiskDialogs.js';
import { attachmentOf, diskLooks, sizeText } from './model.js';
import { lastJobAbout, snapshotsOf } from './queries.js';
import styles from './disks.module.css';

const SnapshotRow = ({
  device,
  disk,
  snapshot,
}: {
  readonly device: Device;
  readonly disk: Disk;
  readonly snapshot: DiskSnapshot;
}) => {
  const may = useMay('operator');
  const [open, setOpen] = useState<'restore' | 'forget'>();
  const close = (): void => {
    setOpen(undefined);
  };
  return (
    <li className={styles['snapshot']}>
      <span>
        <strong>{snapshot.name}</strong>{' '}
        <span className={layout['small']}>
          {bytesText(snapshot.size)} · <Time at={snapshot.createdAt} />
        </span>
      </span>
      {snapshot.state !== 'ready' && <StateDot look={diskLooks[snapshot.state]} />}
      {may && snapshot.state === 'ready' && (
        <span className={layout['actions']}>
          <Button
            small
            aria-label={`Restore ${snapshot.name}`}
            onClick={() => {
              setOpen('restore');
            }}
          >
            Restore
          </Button>
          <Button
            small
            kind="danger"
            aria-label={`Delete the snapshot ${snapshot.name}`}
            onClick={() => {
              setOpen('forget');
            }}
          >
            Delete
          </Button>
        </span>
      )}
      {open === 'restore' && <RestoreDialog {...{ device, disk, snapshot }} onClose={close} />}
      {open === 'forget' && <ForgetSnapshotDialog {...{ disk, snapshot }} onClose={close} />}
    </li>
  );
};

const Snapshots = ({ device, disk }: { readonly device: Device; readonly disk: Disk }) => {
  const snapshots = useQuery(snapshotsOf(disk.id));
  if (snapshots.isError) return <ProblemNotice error={snapshots.error} />;
  if (snapshots.data === undefined || snapshots.data.length === 0) return null;
  return (
    <ul className={styles['snapshots']} aria-label={`Snapshots of ${disk.name}`}>
      {snapshots.data.map((snapshot) => (
        <SnapshotRow key={snapshot.id} {...{ device, disk, snapshot }} />
      ))}
    </ul>
  );
};

/** What is being done to a disk, or why the last thing could not be done. */
const Work = ({ disk }: { readonly disk: Disk }) => {
  const { data: job } = useQuery(lastJobAbout(disk.id));
  if (job == null) return null;
  if (job.endedAt === null)
    return (
      <div className={styles['work']}>
        <JobProgress job={job} />
        <JobActions job={job} />
      </div>
    );
  if (job.error === null) return null;
  return (
    <div className={styles['work']}>
      <JobError error={job.error} />
      <JobActions job={job} />
    </div>
  );
};

type Open = 'snapshot' | 'resize' | 'detach' | 'delete';

const Opened = ({
  what,
  device,
  disk,
  onClose,
}: {
  readonly what: Open;
  readonly device: Device;
  readonly disk: Disk;
  readonly onClose: () => void;
}) => {
  switch (what) {
    case 'snapshot':
      return <SnapshotDialog disk={disk} onClose={onClose} />;
    case 'resize':
      return <ResizeDialog disk={disk} onClose={onClose} />;
    case 'detach':
      return <DetachDialog device={device} disk={disk} onClose={onClose} />;
    case 'delete':
      return <DeleteDiskDialog disk={disk} onClose={onClose} />;
  }
};

/** A disk that this board has, or could have: what it is, what is kept of it, what can be done to it. */
export const DiskCard = ({
  device,
  disk,
  onAttach,
}: {
  readonly device: Device;
  readonly disk: Disk;
  /** Of one that this board has not, where it can be given to it. */
  readonly onAttach?: (() => void) | undefined;
}) => {
  const may = useMay('operator');
  const [open, setOpen] = useState<Open>();
  const attachment = attachmentOf(disk, device.id);
  const isBlock = disk.kind === 'block';
  const show = (what: Open) => () => {
    setOpen(what);
  };
  const items: MenuItem[] = [
    ...(isBlock ? [{ label: 'Make it larger', onSelect: show('resize') }] : []),
    ...(disk.role === 'data' && disk.attachments.length === 0
      ? [{ label: 'Delete', danger: true, onSelect: show('delete') }]
      : []),
  ];
  return (
    <article className={styles['disk']} aria-label={`Disk ${disk.name}`}>
      <div className={layout['head']}>
        <div className={layout['row']}>
          <h3>{disk.name}</h3>
          <StateDot look={diskLooks[disk.state]} />
          {attachment !== undefined && <Badge>{attachment.access}</Badge>}
          {attachment?.state === 'detaching' && <Badge>being detached</Badge>}
          {attachment === undefined && disk.attachments.length > 0 && (
            <Badge>read by {countText(disk.attachments.length, 'board')}</Badge>
          )}
        </div>
        {may && (
          <div className={layout['actions']}>
            {isBlock && disk.state === 'ready' && (
              <Button small aria-label={`Snapshot of ${disk.name}`} onClick={show('snapshot')}>
                Snapshot
              </Button>
            )}
            {attachment !== undefined && (
              <Button small aria-label={`Detach ${disk.name}`} onClick={show('detach')}>
                Detach
              </Button>
            )}
            {onAttach !== undefined && (
              <Button small aria-label={`Attach ${disk.name}`} onClick={onAttach}>
                Attach
              </Button>
            )}
            {items.length > 0 && <Menu label={`More for ${disk.name}`} icon="more" items={items} />}
          </div>
        )}
      </div>
      <p className={layout['small']}>
        {sizeText(disk)}
        {disk.kind === 'directory' && ` · a directory over NFS${disk.nfs === null ? '' : ` at ${disk.nfs}`}`}
        {' · made '}
        <Time at={disk.createdAt} />
        {disk.deleteAt !== null && (
          <>
            {' · deleted '}
            <Time at={disk.deleteAt} />
          </>
        )}
      </p>
      {disk.stateReason !== null && <p>{disk.stateReason}</p>}
      <Work disk={disk} />
      {isBlock && <Snapshots device={device} disk={disk} />}
      {open !== undefined && (
        <Opened
          what={open}
          device={device}
          disk={disk}
          onClose={() => {
            setOpen(undefined);
          }}
        />
      )}
    </article>
  );
};
