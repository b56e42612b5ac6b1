import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { queries } from './api/queries.js';
import { PrincipalContext } from './session/principal.js';
import { Shell } from './shell/Shell.js';
import { Button } from './ui/Button.js';
import layout from './ui/layout.module.css';
import { ProblemNotice } from './ui/Notice.js';
import { Toasts } from './ui/Toast.js';

const LoginPage = lazy(async () => ({ default: (await import('./session/LoginPage.js')).LoginPage }));

/** The page to log in, or everything else, at whatever address it is. */
export const App = () => {
  const me = useQuery(queries.me);
  if (me.isError) {
    return (
      <main className={layout['page']}>
        <ProblemNotice error={me.error} />
        <div>
          <Button onClick={() => void me.refetch()}>Try again</Button>
        </div>
      </main>
    );
  }
  if (me.data === undefined) return <p className="visually-hidden">Loading</p>;
  if (me.data === null) {
    return (
      <Suspense fallback={null}>
        <LoginPage />
      </Suspense>
    );
  }
  return (
    <PrincipalContext.Provider value={me.data}>
      <Toasts>
        <Shell />
      </Toasts>
    </PrincipalContext.Provider>
  );
};
