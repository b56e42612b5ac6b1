import { roles, type ApiKey, type Role, type Tenant } from '@drover/contract';
import { useState } from 'react';
import { client } from '../api/client.js';
import { queryClient } from '../api/queries.js';
import { usePrincipal } from '../session/principal.js';
import { Button } from '../ui/Button.js';
import { Copyable } from '../ui/Copyable.js';
import { Dialog } from '../ui/Dialog.js';
import { SelectField, TextField } from '../ui/Field.js';
import { Notice, ProblemNotice } from '../ui/Notice.js';
import { useToast } from '../ui/Toast.js';
import { expiryOf, lifetimes, roleTexts } from './key-model.js';
import styles from './access.module.css';

interface DialogProps {
  readonly onClose: () => void;
}

/** A new key, or one that is in use elsewhere already. */
export const KeyDialog = ({
  tenants,
  isImport,
  onClose,
}: DialogProps & { readonly tenants: readonly Tenant[]; readonly isImport: boolean }) => {
  const { tenant: own } = usePrincipal();
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>(isImport ? 'device' : 'operator');
  const [tenant, setTenant] = useState(own ?? '');
  const [days, setDays] = useState('');
  const [imported, setImported] = useState('');
  const [made, setMade] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const say = useToast();
  const create = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    const expiresAt = expiryOf(days, Date.now());
    const wanted = {
      ...{ name, role, tenant: tenant === '' ? null : tenant },
      ...(expiresAt === undefined ? {} : { expiresAt }),
    };
    try {
      if (isImport) {
        await client.keys.import({ body: { ...wanted, key: imported } });
        say(`The key ${name} works from now on.`);
        onClose();
      } else setMade((await client.keys.create({ body: wanted })).key);
      void queryClient.invalidateQueries({ queryKey: ['keys'] });
    } catch (refused) {
      setError(refused);
    }
    setBusy(false);
  };
  if (made !== undefined) {
    return (
      <Dialog
        title={`The key ${name}`}
        onClose={onClose}
        footer={
          <Button kind="primary" onClick={onClose}>
            I have it
          </Button>
        }
      >
        <Notice tone="warn" title="It is shown this once.">
          Copy it now to where it is used. The server keeps only what tells whether a key is this one.
        </Notice>
        <Copyable text={made} />
      </Dialog>
    );
  }
  return (
    <Dialog
      title={isImport ? 'Take in a key' : 'New API key'}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" form="key-form" busy={isBusy}>
            {isImport ? 'Take it in' : 'Make it'}
          </Button>
        </>
      }
    >
      <form
        id="key-form"
        className={styles['form']}
        onSubmit={(event) => {
          event.preventDefault();
          void create();
        }}
      >
        {isImport && (
          <TextField
            label="The key"
            hint="One that cards or scripts hold already. It is kept as its sha256."
            required
            minLength={8}
            maxLength={128}
            type="password"
            autoComplete="off"
            value={imported}
            onChange={(event) => {
              setImported(event.target.value);
            }}
          />
        )}
        <TextField
          label="Whom or what it is for"
          value={name}
          required
          maxLength={100}
          onChange={(event) => {
            setName(event.target.value);
          }}
        />
        <SelectField
          label="Role"
          value={role}
          options={roles.map((value) => ({ value, label: roleTexts[value] }))}
          onChange={(event) => {
            setRole(roles.find((each) => each === event.target.value) ?? 'reader');
          }}
        />
        {own === null && (
          <SelectField
            label="Tenant"
            value={tenant}
            options={[
              { value: '', label: 'None: the whole installation' },
              ...tenants.map(({ id, name: label }) => ({ value: id, label })),
            ]}
            onChange={(event) => {
              setTenant(event.target.value);
            }}
          />
        )}
        <SelectField
          label="Works"
          value={days}
          options={lifetimes}
          onChange={(event) => {
            setDays(event.target.value);
          }}
        />
        {error !== undefined && <ProblemNotice error={error} />}
      </form>
    </Dialog>
  );
};

export const RevokeDialog = ({ apiKey, onClose }: DialogProps & { readonly apiKey: ApiKey }) => {
  const say = useToast();
  const { key: own } = usePrincipal();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const revoke = async (): Promise<void> => {
    setBusy(true);
    try {
      await client.keys.revoke({ params: { id: apiKey.id } });
      say(`The key ${apiKey.name} is revoked.`);
      void queryClient.invalidateQueries({ queryKey: ['keys'] });
      onClose();
    } catch (refused) {
      setError(refused);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={`Revoke ${apiKey.name}`}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{error === undefined ? 'Cancel' : 'Close'}</Button>
          <Button kind="danger" busy={isBusy} onClick={() => void revoke()}>
            Revoke {apiKey.name}
          </Button>
        </>
      }
    >
      <p>
        Whoever uses it is refused from the next request on, and logged out of the dashboard. A revoked key does not
        come back.
      </p>
      {apiKey.id === own && (
        <Notice tone="warn" title="It is the key you are logged in with.">
          You are logged out at once. Have another admin key at hand.
        </Notice>
      )}
      {error !== undefined && <ProblemNotice error={error} />}
    </Dialog>
  );
};
