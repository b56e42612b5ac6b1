import { DroverError } from '@drover/sdk';
import { useState } from 'react';
import { logIn } from '../api/client.js';
import { setPrincipal } from '../api/queries.js';
import { Button } from '../ui/Button.js';
import { TextField } from '../ui/Field.js';
import { Notice, ProblemNotice } from '../ui/Notice.js';
import { ThemeButton } from '../shell/ThemeButton.js';
import styles from './login.module.css';

const isWrongKey = (error: unknown): boolean => error instanceof DroverError && error.code === 'auth.invalid';

export const LoginPage = () => {
  const [key, setKey] = useState('');
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const submit = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      const principal = await logIn(key.trim());
      setPrincipal(principal);
    } catch (refused) {
      setError(refused);
      setBusy(false);
    }
  };
  return (
    <main className={styles['page']}>
      <title>Log in · Drover</title>
      <div className={styles['theme']}>
        <ThemeButton />
      </div>
      <form
        className={styles['form']}
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <img src="/ui/icon.svg" alt="" width="44" height="44" />
        <div>
          <h1>Log in to Drover</h1>
          <p className={styles['text']}>With an API key: it says what you may see and do.</p>
        </div>
        <TextField
          label="API key"
          type="password"
          name="key"
          value={key}
          autoFocus
          required
          autoComplete="current-password"
          spellCheck={false}
          placeholder="drv_…"
          onChange={(event) => {
            setKey(event.target.value);
          }}
        />
        {isWrongKey(error) ? (
          <Notice tone="bad" title="This key is not known here, has expired or was revoked.">
            <p>Check that it is there from its first to its last letter. An admin makes another one.</p>
          </Notice>
        ) : (
          error !== undefined && <ProblemNotice error={error} />
        )}
        <Button kind="primary" type="submit" busy={isBusy}>
          Log in
        </Button>
        <details className={styles['help']}>
          <summary>Where do I find a key?</summary>
          <p>
            The first start of the server wrote an admin key to <code>admin.key</code> in its data folder. With that,
            make one for each person:
          </p>
          <p>
            <code>drover key create ann --role operator</code>
          </p>
        </details>
      </form>
    </main>
  );
};
