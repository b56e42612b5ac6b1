import type { Device, Disk, DiskSnapshot } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useMay } from '../../session/principal.js';
import { Button } from '../../ui/Button.js';
import { bytesText } from '../../ui/format.js';
import { ProblemNotice } from '../../ui/Notice.js';
import { StateDot } from '../../ui/State.js';
import { Time } from '../../ui/Time.js';
import layout from '../../ui/layout.module.css';
import { KeptList } from './KeptList.js';
import { diskLooks } from './model.js';
import { snapshotsOf } from './queries.js';
import { RestoreDialog } from './RestoreDialog.js';
import { ForgetSnapshotDialog } from './SnapshotDialogs.js';
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
    <li className={styles['keptOne']}>
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
      {open === 'restore' && (
        <RestoreDialog
          device={device}
          kept={{
            source: { snapshot: snapshot.id },
            title: snapshot.name,
            name: snapshot.name,
            diskName: disk.name,
          }}
          onClose={close}
        />
      )}
      {open === 'forget' && <ForgetSnapshotDialog {...{ disk, snapshot }} onClose={close} />}
    </li>
  );
};

/** The states of a disk that are kept beside it. */
export const Snapshots = ({ device, disk }: { readonly device: Device; readonly disk: Disk }) => {
  const snapshots = useQuery(snapshotsOf(disk.id));
  if (snapshots.isError) return <ProblemNotice error={snapshots.error} />;
  if (snapshots.data === undefined || snapshots.data.length === 0) return null;
  return (
    <KeptList title="Snapshots" label={`Snapshots of ${disk.name}`}>
      {snapshots.data.map((snapshot) => (
        <SnapshotRow key={snapshot.id} {...{ device, disk, snapshot }} />
      ))}
    </KeptList>
  );
};
