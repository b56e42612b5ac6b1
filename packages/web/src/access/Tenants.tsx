import type { Tenant } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { client } from '../api/client.js';
import { queryClient } from '../api/queries.js';
import { useFleet } from '../live/hooks.js';
import { usePrincipal } from '../session/principal.js';
import { Button } from '../ui/Button.js';
import { Dialog } from '../ui/Dialog.js';
import { TextField } from '../ui/Field.js';
import { bytesText, countText } from '../ui/format.js';
import layout from '../ui/layout.module.css';
import { ProblemNotice } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { bytesLimitOf, bytesLimitText, limitOf, limitText } from './key-model.js';
import styles from './access.module.css';

interface Use {
  readonly disks: number;
  readonly diskBytes: number;
  readonly backupBytes: number;
}
const nothing: Use = { disks: 0, diskBytes: 0, backupBytes: 0 };

/** What each tenant has of what its limits are about. */
const readUse = async (signal: AbortSignal): Promise<ReadonlyMap<string, Use>> => {
  const use = new Map<string, Use>();
  const add = (tenant: string, more: Partial<Use>): void => {
    const now = use.get(tenant) ?? nothing;
    use.set(tenant, {
      disks: now.disks + (more.disks ?? 0),
      diskBytes: now.diskBytes + (more.diskBytes ?? 0),
      backupBytes: now.backupBytes + (more.backupBytes ?? 0),
    });
  };
  const query = { limit: 500 };
  for await (const { tenant, size } of client.each('listDisks', { query }, { signal })) {
    add(tenant, { disks: 1, diskBytes: size });
  }
  for await (const { tenant, size } of client.each('listBackups', { query }, { signal })) {
    add(tenant, { backupBytes: size });
  }
  return use;
};

const Limit = ({
  label,
  used,
  limit,
  text,
}: {
  label: string;
  used: number;
  limit: number | null;
  text: (n: number) => string;
}) =>
  limit === null ? (
    <p className={layout['small']}>
      {label}: {text(used)}, no limit
    </p>
  ) : (
    <Progress label={label} done={used} total={Math.max(limit, 1)} text={`${label}: ${text(used)} of ${text(limit)}`} />
  );

const LimitsDialog = ({ tenant, onClose }: { readonly tenant: Tenant | undefined; readonly onClose: () => void }) => {
  const quota = tenant?.quota ?? { disks: null, diskBytes: null, backupBytes: null };
  const [name, setName] = useState('');
  const [disks, setDisks] = useState(limitText(quota.disks));
  const [diskBytes, setDiskBytes] = useState(bytesLimitText(quota.diskBytes));
  const [backupBytes, setBackupBytes] = useState(bytesLimitText(quota.backupBytes));
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const save = async (): Promise<void> => {
    setBusy(true);
    const limits = {
      disks: limitOf(disks) ?? null,
      diskBytes: bytesLimitOf(diskBytes) ?? null,
      backupBytes: bytesLimitOf(backupBytes) ?? null,
    };
    try {
      if (tenant === undefined) await client.tenants.create({ body: { name, quota: limits } });
      else await client.tenants.update({ params: { ref: tenant.id }, body: { quota: limits } });
      void queryClient.invalidateQueries({ queryKey: ['tenants'] });
      onClose();
    } catch (refused) {
      setError(refused);
      setBusy(false);
    }
  };
  const number = { type: 'number', min: 0, step: 'any', inputMode: 'decimal' } as const;
  return (
    <Dialog
      title={tenant === undefined ? 'New tenant' : `Limits of ${tenant.name}`}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" form="tenant-form" busy={isBusy}>
            {tenant === undefined ? 'Make it' : 'Set the limits'}
          </Button>
        </>
      }
    >
      <form
        id="tenant-form"
        className={styles['form']}
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {tenant === undefined && (
          <TextField
            label="Name"
            required
            value={name}
            hint="Lower-case letters, digits and hyphens."
            onChange={(event) => {
              setName(event.target.value);
            }}
          />
        )}
        <p className={layout['muted']}>Leave a limit empty where there is none. What a tenant has already stays.</p>
        <TextField
          {...number}
          step={1}
          label="Disks"
          value={disks}
          onChange={(event) => {
            setDisks(event.target.value);
          }}
        />
        <TextField
          {...number}
          label="All disks together, in GB"
          value={diskBytes}
          onChange={(event) => {
            setDiskBytes(event.target.value);
          }}
        />
        <TextField
          {...number}
          label="All backups together, in GB"
          value={backupBytes}
          onChange={(event) => {
            setBackupBytes(event.target.value);
          }}
        />
        {error !== undefined && <ProblemNotice error={error} />}
      </form>
    </Dialog>
  );
};

/** Tenants, what each may have and what it has. */
export const Tenants = ({ tenants }: { readonly tenants: readonly Tenant[] }) => {
  const { tenant: own } = usePrincipal();
  const use = useQuery({ queryKey: ['disks', 'use'], queryFn: ({ signal }) => readUse(signal) });
  const { devices } = useFleet();
  const boards = useMemo(() => {
    const counts = new Map<string, number>();
    for (const { tenant } of devices) if (tenant !== null) counts.set(tenant, (counts.get(tenant) ?? 0) + 1);
    return counts;
  }, [devices]);
  const [editing, setEditing] = useState<Tenant | 'new'>();
  return (
    <section className={layout['panel']} aria-label="Tenants">
      <div className={layout['head']}>
        <h2>Tenants</h2>
        {own === null && (
          <Button
            small
            onClick={() => {
              setEditing('new');
            }}
          >
            New tenant
          </Button>
        )}
      </div>
      {use.isError && <ProblemNotice error={use.error} />}
      <ul className={styles['tenants']}>
        {tenants.map((tenant) => {
          const has = use.data?.get(tenant.id) ?? nothing;
          return (
            <li key={tenant.id} className={styles['tenant']}>
              <div className={layout['head']}>
                <h3>{tenant.name}</h3>
                {own === null && (
                  <Button
                    small
                    aria-label={`Limits of ${tenant.name}`}
                    onClick={() => {
                      setEditing(tenant);
                    }}
                  >
                    Limits
                  </Button>
                )}
              </div>
              <p className={layout['small']}>{countText(boards.get(tenant.id) ?? 0, 'board')}</p>
              <Limit label="Disks" used={has.disks} limit={tenant.quota.disks} text={String} />
              <Limit label="Room of disks" used={has.diskBytes} limit={tenant.quota.diskBytes} text={bytesText} />
              <Limit label="Backups" used={has.backupBytes} limit={tenant.quota.backupBytes} text={bytesText} />
            </li>
          );
        })}
      </ul>
      {editing !== undefined && (
        <LimitsDialog
          tenant={editing === 'new' ? undefined : editing}
          onClose={() => {
            setEditing(undefined);
          }}
        />
      )}
    </section>
  );
};
