import { apiBase, fillPath, routes, type Device, type Disk, type DiskBackup } from '@drover/contract';
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
import { DeleteBackupDialog } from './BackupDialogs.js';
import { backupTitle, diskLooks, otherBackups } from './model.js';
import { allBackups, backupsOf } from './queries.js';
import { RestoreDialog } from './RestoreDialog.js';
import styles from './disks.module.css';

/** Backups of gone disks that are listed at most; `drover disk backups` has all. */
const listed = 20;

const contentOf = ({ id }: DiskBackup): string => `${apiBase}${fillPath(routes.getBackupContent.path, { id })}`;

const BackupRow = ({ device, backup }: { readonly device: Device; readonly backup: DiskBackup }) => {
  const may = useMay('operator');
  const [open, setOpen] = useState<'restore' | 'delete'>();
  const close = (): void => {
    setOpen(undefined);
  };
  const title = backupTitle(backup);
  return (
    <li className={styles['keptOne']}>
      <span>
        <strong>{backup.diskName}</strong>{' '}
        <span className={layout['small']}>
          {backup.format}
          {backup.bytes !== null && ` of ${bytesText(backup.bytes)}`} · <Time at={backup.createdAt} />
        </span>
      </span>
      {backup.state === 'creating' && <StateDot look={diskLooks.creating} />}
      {may && backup.state === 'ready' && (
        <span className={layout['actions']}>
          <a href={contentOf(backup)} download aria-label={`Download the ${title}`}>
            Download
          </a>
          <Button
            small
            aria-label={`Restore the ${title}`}
            onClick={() => {
              setOpen('restore');
            }}
          >
            Restore
          </Button>
          <Button
            small
            kind="danger"
            aria-label={`Delete the ${title}`}
            onClick={() => {
              setOpen('delete');
            }}
          >
            Delete
          </Button>
        </span>
      )}
      {open === 'restore' && (
        <RestoreDialog
          device={device}
          kept={{ source: { backup: backup.id }, title: `the ${title}`, name: 'restored', diskName: backup.diskName }}
          onClose={close}
        />
      )}
      {open === 'delete' && <DeleteBackupDialog backup={backup} onClose={close} />}
    </li>
  );
};

/** Backups of a disk. */
export const Backups = ({ device, disk }: { readonly device: Device; readonly disk: Disk }) => {
  const backups = useQuery(backupsOf(disk.id));
  if (backups.isError) return <ProblemNotice error={backups.error} />;
  if (backups.data === undefined || backups.data.length === 0) return null;
  return (
    <KeptList title="Backups" label={`Backups of ${disk.name}`}>
      {backups.data.map((backup) => (
        <BackupRow key={backup.id} device={device} backup={backup} />
      ))}
    </KeptList>
  );
};

/** Backups of disks that are not on this page: those of other boards, and those of disks that are gone. */
export const OtherBackups = ({ device, shown }: { readonly device: Device; readonly shown: readonly Disk[] }) => {
  const { data } = useQuery(allBackups);
  const others = otherBackups(data ?? [], shown, device);
  if (others.length === 0) return null;
  return (
    <section className={layout['panel']} aria-label="Other backups">
      <h2>Other backups of the tenant</h2>
      <ul className={styles['kept']} aria-label="Backups of disks that are not shown here">
        {others.slice(0, listed).map((backup) => (
          <BackupRow key={backup.id} device={device} backup={backup} />
        ))}
      </ul>
      {others.length > listed && (
        <p className={layout['small']}>and {others.length - listed} more: drover disk backups</p>
      )}
    </section>
  );
};
