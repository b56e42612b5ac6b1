import type { Device, Disk } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useMay } from '../../session/principal.js';
import { Button } from '../../ui/Button.js';
import { TextField } from '../../ui/Field.js';
import { countText } from '../../ui/format.js';
import { ProblemNotice } from '../../ui/Notice.js';
import { Progress } from '../../ui/Progress.js';
import layout from '../../ui/layout.module.css';
import { OtherBackups } from './Backups.js';
import { DiskCard } from './DiskCard.js';
import { AttachDialog, NewDiskDialog } from './DiskDialogs.js';
import { attachable, sortDisks, whyNoDisk, whyNoRoot } from './model.js';
import { dataDisks, disksOf } from './queries.js';

/** Disks listed at most; the search finds the others. */
const listed = 20;

const Others = ({ device, disks }: { readonly device: Device; readonly disks: readonly Disk[] }) => {
  const may = useMay('operator');
  const [text, setText] = useState('');
  const [attaching, setAttaching] = useState<Disk>();
  const shown = disks.filter(({ name }) => name.includes(text.trim().toLowerCase()));
  const canAttach = may && whyNoDisk(device) === undefined;
  return (
    <section className={layout['panel']} aria-label="Other disks">
      <h2>Other disks of the tenant</h2>
      {disks.length > 5 && (
        <TextField
          label="Search disks"
          labelHidden
          type="search"
          placeholder={`Search ${countText(disks.length, 'disk')}`}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
          }}
        />
      )}
      {shown.slice(0, listed).map((disk) => (
        <DiskCard
          key={disk.id}
          device={device}
          disk={disk}
          onAttach={
            canAttach && disk.state === 'ready'
              ? () => {
                  setAttaching(disk);
                }
              : undefined
          }
        />
      ))}
      {shown.length > listed && <p className={layout['small']}>and {shown.length - listed} more: search for them</p>}
      {attaching !== undefined && (
        <AttachDialog
          device={device}
          disk={attaching}
          onClose={() => {
            setAttaching(undefined);
          }}
        />
      )}
    </section>
  );
};

const DataDisks = ({ device, disks }: { readonly device: Device; readonly disks: readonly Disk[] }) => {
  const may = useMay('operator');
  const [isMaking, setMaking] = useState(false);
  const reason = whyNoDisk(device);
  return (
    <section className={layout['panel']} aria-label="Data disks">
      <div className={layout['head']}>
        <h2>Data disks</h2>
        {may && device.state !== 'discovered' && (
          <Button
            small
            icon="disk"
            onClick={() => {
              setMaking(true);
            }}
          >
            New disk
          </Button>
        )}
      </div>
      {disks.length === 0 && (
        <p className={layout['muted']}>
          {reason ?? 'It has none. A data disk outlives images and releases, and moves from board to board.'}
        </p>
      )}
      {disks.map((disk) => (
        <DiskCard key={disk.id} device={device} disk={disk} />
      ))}
      {isMaking && (
        <NewDiskDialog
          device={device}
          onClose={() => {
            setMaking(false);
          }}
        />
      )}
    </section>
  );
};

/** The disks of a board: the one its system is on, data disks, and those it could be given. */
export const DisksTab = ({ device }: { readonly device: Device }) => {
  const own = useQuery(disksOf(device.id));
  const all = useQuery(dataDisks);
  if (own.isError) return <ProblemNotice error={own.error} />;
  if (own.data === undefined) return <Progress label="Reading the disks" done={0} total={null} />;
  const { root, data } = sortDisks(own.data, device.id);
  const others = attachable(all.data ?? [], device);
  return (
    <>
      <section className={layout['panel']} aria-label="System disk">
        <h2>System disk</h2>
        {root === undefined ? (
          <p className={layout['muted']}>{whyNoRoot(device)}</p>
        ) : (
          <DiskCard device={device} disk={root} />
        )}
      </section>
      <DataDisks device={device} disks={data} />
      {others.length > 0 && <Others device={device} disks={others} />}
      <OtherBackups device={device} shown={[...own.data, ...others]} />
    </>
  );
};
