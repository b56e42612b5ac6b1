import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { logOut } from '../api/client.js';
import { setPrincipal } from '../api/queries.js';
import { useConnection } from '../live/hooks.js';
import { followEvents } from '../live/live.js';
import { usePrincipal } from '../session/principal.js';
import { IconButton } from '../ui/Button.js';
import { Icon } from '../ui/Icon.js';
import { Menu } from '../ui/Menu.js';
import { KeyboardHelp } from './KeyboardHelp.js';
import { mayVisit, pages } from './pages.js';
import { ThemeButton } from './ThemeButton.js';
import styles from './shell.module.css';

const ConnectionNote = () => {
  const connection = useConnection();
  const lost = connection === 'lost' || connection === 'refused';
  return (
    <div role="status" aria-live="polite">
      {lost && (
        <p className={styles['lost']}>
          <Icon name="warning" />
          {connection === 'lost'
            ? 'The connection to the server is lost. Trying again; what you see may be out of date.'
            : 'The server sends no news to this page. Load it again.'}
        </p>
      )}
    </div>
  );
};

const Navigation = ({ onGo }: { readonly onGo: () => void }) => {
  const principal = usePrincipal();
  return (
    <nav aria-label="Main" className={styles['nav']}>
      <ul>
        {pages
          .filter((page) => mayVisit(principal, page))
          .map(({ to, label, icon }) => (
            <li key={to}>
              <Link
                to={to}
                className={styles['link']}
                activeProps={{ 'aria-current': 'page' }}
                activeOptions={{ exact: to === '/', includeSearch: false }}
                onClick={onGo}
              >
                <Icon name={icon} />
                {label}
              </Link>
            </li>
          ))}
      </ul>
    </nav>
  );
};

const Account = ({ onHelp }: { readonly onHelp: () => void }) => {
  const { name, role } = usePrincipal();
  const leave = (): void => {
    void logOut()
      .catch(() => undefined)
      .finally(() => {
        setPrincipal(null);
      });
  };
  return (
    <div className={styles['account']}>
      <span className={styles['who']} title={`Key ${name}, role ${role}`}>
        {name}
        <span>{role}</span>
      </span>
      <ThemeButton />
      <Menu
        label="Account"
        icon="more"
        items={[
          { label: 'Keyboard', onSelect: onHelp },
          { label: 'Log out', onSelect: leave },
        ]}
      />
    </div>
  );
};

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** Frame of every page: who is logged in, where one can go, how the connection is. */
export const Shell = () => {
  const [isHelping, setHelping] = useState(false);
  const [isOpen, setOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const former = useRef(path);

  useEffect(() => followEvents(), []);
  useEffect(() => {
    // A new page begins at its beginning, also for those who do not see it.
    if (former.current === path) return;
    former.current = path;
    main.current?.focus({ preventScroll: true });
    main.current?.scrollTo({ top: 0 });
  }, [path]);
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if (event.key === '?' && !isTyping(event.target)) setHelping(true);
    };
    document.addEventListener('keydown', listen);
    return () => {
      document.removeEventListener('keydown', listen);
    };
  }, []);

  return (
    <div className={styles['shell']}>
      <a
        className={styles['skip']}
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        To the content
      </a>
      <header className={styles['side']} data-open={isOpen || undefined}>
        <div className={styles['brand']}>
          <Link to="/">
            <img src="/ui/icon.svg" alt="" width="28" height="28" />
            Drover
          </Link>
          <span className={styles['toggle']}>
            <IconButton
              icon={isOpen ? 'close' : 'menu'}
              label={isOpen ? 'Close the menu' : 'Menu'}
              aria-expanded={isOpen}
              onClick={() => {
                setOpen(!isOpen);
              }}
            />
          </span>
        </div>
        <div className={styles['rest']}>
          <Navigation
            onGo={() => {
              setOpen(false);
            }}
          />
          <Account
            onHelp={() => {
              setHelping(true);
            }}
          />
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1} className={styles['main']}>
        <ConnectionNote />
        <Outlet />
      </main>
      {isHelping && (
        <KeyboardHelp
          onClose={() => {
            setHelping(false);
          }}
        />
      )}
    </div>
  );
};
