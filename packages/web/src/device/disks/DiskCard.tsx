import type { Device, Disk } from '@drover/contract';
import { useState } from 'react';
import { client } from '../../api/client.js';
import { useMay } from '../../session/principal.js';
import { Button } from '../../ui/Button.js';
import { countText } from '../../ui/format.js';
import { Menu, type MenuItem } from '../../ui/Menu.js';
import { textOfError } from '../../ui/Notice.js';
import { Badge, StateDot } from '../../ui/State.js';
import { Time } from '../../ui/Time.js';
import { useToast } from '../../ui/Toast.js';
import layout from '../../ui/layout.module.css';
import { BackupDialog } from './BackupDialogs.js';
import { Backups } from './Backups.js';
import { DeleteDiskDialog, DetachDialog, ResizeDialog } from './DiskDialogs.js';
import { DiskWork } from './DiskWork.js';
import { attachmentOf, diskLooks, sizeText } from './model.js';
import { readDisksAnew } from './queries.js';
import { SnapshotDialog } from './SnapshotDialogs.js';
import { Snapshots } from './Snapshots.js';
import styles from './disks.module.css';

type Open = 'snapshot' | 'backup' | 'resize' | 'detach' | 'delete';

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
    case 'backup':
      return <BackupDialog disk={disk} onClose={onClose} />;
    case 'resize':
      return <ResizeDialog disk={disk} onClose={onClose} />;
    case 'detach':
      return <DetachDialog device={device} disk={disk} onClose={onClose} />;
    case 'delete':
      return <DeleteDiskDialog disk={disk} onClose={onClose} />;
  }
};

/** Begins what needs no question: its job tells on the card how far it is. */
const useBegin = () => {
  const say = useToast();
  return (text: string, work: () => Promise<unknown>) => (): void => {
    work().then(
      () => {
        say(text);
        readDisksAnew();
      },
      (error: unknown) => {
        say(textOfError(error), 'bad');
      },
    );
  };
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
  const begin = useBegin();
  const ref = { params: { ref: disk.id } };
  const items: MenuItem[] = [
    ...(isBlock && disk.state === 'ready'
      ? [
          { label: 'Back up', onSelect: show('backup') },
          { label: 'Make it larger', onSelect: show('resize') },
          {
            label: 'Check for damage',
            onSelect: begin('Its files are being checked.', () => client.disks.check(ref)),
          },
          {
            label: 'Flatten',
            onSelect: begin('What its snapshots hold is copied into it.', () => client.disks.flatten(ref)),
          },
        ]
      : []),
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
      <DiskWork disk={disk} />
      {isBlock && (
        <>
          <Snapshots device={device} disk={disk} />
          <Backups device={device} disk={disk} />
        </>
      )}
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
