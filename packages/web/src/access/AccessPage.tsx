import type { ApiKey } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { queries } from '../api/queries.js';
import { usePrincipal } from '../session/principal.js';
import { Button } from '../ui/Button.js';
import { Icon } from '../ui/Icon.js';
import layout from '../ui/layout.module.css';
import { ProblemNotice } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { Badge, StateDot } from '../ui/State.js';
import { Time, useNow } from '../ui/Time.js';
import { KeyDialog, RevokeDialog } from './KeyDialogs.js';
import { keyLooks, keyStateOf } from './key-model.js';
import { Tenants } from './Tenants.js';
import styles from './access.module.css';

type Opened = { readonly kind: 'new' | 'import' } | { readonly kind: 'revoke'; readonly key: ApiKey };

const KeyRow = ({
  apiKey,
  owner,
  onRevoke,
}: {
  readonly apiKey: ApiKey;
  readonly owner: string;
  readonly onRevoke: () => void;
}) => {
  const { key: own } = usePrincipal();
  const state = keyStateOf(apiKey, useNow());
  return (
    <tr>
      <td>
        <strong>{apiKey.name}</strong> {apiKey.id === own && <Badge>you</Badge>}
      </td>
      <td>
        <Badge>{apiKey.role}</Badge>
      </td>
      <td>{owner}</td>
      <td>
        <code>{apiKey.hint}…</code>
      </td>
      <td>
        <StateDot look={keyLooks[state]} />
      </td>
      <td>
        <Time at={apiKey.createdAt} />
      </td>
      <td>
        <Time at={apiKey.lastUsedAt} />
      </td>
      <td>
        <Time at={apiKey.expiresAt} />
      </td>
      <td>
        {apiKey.revokedAt === null && (
          <Button small aria-label={`Revoke ${apiKey.name}`} onClick={onRevoke}>
            Revoke
          </Button>
        )}
      </td>
    </tr>
  );
};

const columns = ['Name', 'Role', 'Belongs to', 'Begins with', 'State', 'Made', 'Last used', 'Expires'];

export const AccessPage = () => {
  const keys = useQuery(queries.keys);
  const tenants = useQuery(queries.tenants);
  const [opened, setOpened] = useState<Opened>();
  const [showsRevoked, setShowsRevoked] = useState(false);
  const shown = useMemo(
    () => (keys.data ?? []).filter(({ revokedAt }) => showsRevoked || revokedAt === null),
    [keys.data, showsRevoked],
  );
  const hidden = (keys.data?.length ?? 0) - shown.length;
  const nameOf = (id: string | null): string =>
    id === null ? 'installation' : (tenants.data?.find((tenant) => tenant.id === id)?.name ?? id);
  const close = (): void => {
    setOpened(undefined);
  };
  return (
    <div className={layout['page']}>
      <title>Keys & tenants · Drover</title>
      <div className={layout['head']}>
        <h1>Keys & tenants</h1>
        <div className={layout['actions']}>
          <Button
            onClick={() => {
              setOpened({ kind: 'import' });
            }}
          >
            Take in a key
          </Button>
          <Button
            kind="primary"
            onClick={() => {
              setOpened({ kind: 'new' });
            }}
          >
            New key
          </Button>
        </div>
      </div>
      {keys.isError && <ProblemNotice error={keys.error} />}
      {tenants.isError && <ProblemNotice error={tenants.error} />}
      {keys.isPending && <Progress label="Reading the keys" done={0} total={null} />}
      <section className={layout['panel']} aria-label="Keys">
        <div className={layout['head']}>
          <h2>API keys</h2>
          {(hidden > 0 || showsRevoked) && (
            <label className={styles['check']}>
              <input
                type="checkbox"
                checked={showsRevoked}
                onChange={(event) => {
                  setShowsRevoked(event.target.checked);
                }}
              />
              Show revoked ones
            </label>
          )}
        </div>
        <div className={layout['tableScroll']} tabIndex={0} role="region" aria-label="API keys">
          <table className={layout['table']}>
            <thead>
              <tr>
                {columns.map((column) => (
                  <th key={column} scope="col">
                    {column}
                  </th>
                ))}
                <th scope="col" aria-label="Actions" />
              </tr>
            </thead>
            <tbody>
              {shown.map((key) => (
                <KeyRow
                  key={key.id}
                  apiKey={key}
                  owner={nameOf(key.tenant)}
                  onRevoke={() => {
                    setOpened({ kind: 'revoke', key });
                  }}
                />
              ))}
            </tbody>
          </table>
        </div>
        <p className={layout['small']}>
          <Icon name="info" size={14} /> A key is kept as its sha256: it can be replaced, not looked up.
        </p>
      </section>
      <Tenants tenants={tenants.data ?? []} />
      {opened?.kind === 'revoke' && <RevokeDialog apiKey={opened.key} onClose={close} />}
      {(opened?.kind === 'new' || opened?.kind === 'import') && (
        <KeyDialog tenants={tenants.data ?? []} isImport={opened.kind === 'import'} onClose={close} />
      )}
    </div>
  );
};
