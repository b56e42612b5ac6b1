import { createContext, useCallback, useContext, useMemo, useRef, useState, type ReactNode } from 'react';
import { Icon } from './Icon.js';
import { IconButton } from './Button.js';
import styles from './toast.module.css';

type Tone = 'ok' | 'bad';
interface Toast {
  readonly id: number;
  readonly tone: Tone;
  readonly text: string;
}
type Say = (text: string, tone?: Tone) => void;

const ToastContext = createContext<Say>(() => undefined);

/** Tells in passing what became of an action. What went wrong stays until it is closed. */
export const useToast = (): Say => useContext(ToastContext);

const shownMs = 5000;

export const Toasts = ({ children }: { readonly children: ReactNode }) => {
  const [toasts, setToasts] = useState<readonly Toast[]>([]);
  const next = useRef(1);
  const close = useCallback((id: number) => {
    setToasts((now) => now.filter((toast) => toast.id !== id));
  }, []);
  const say = useCallback<Say>(
    (text, tone = 'ok') => {
      const id = next.current++;
      setToasts((now) => [...now.slice(-3), { id, tone, text }]);
      if (tone === 'ok') {
        setTimeout(() => {
          close(id);
        }, shownMs);
      }
    },
    [close],
  );
  const value = useMemo(() => say, [say]);
  return (
    <ToastContext.Provider value={value}>
      {children}
      <div className={styles['toasts']} role="status" aria-live="polite">
        {toasts.map(({ id, tone, text }) => (
          <div key={id} className={styles['toast']} data-tone={tone}>
            <Icon name={tone === 'ok' ? 'check' : 'error'} />
            <span>{text}</span>
            <IconButton
              icon="close"
              label="Close this message"
              onClick={() => {
                close(id);
              }}
            />
          </div>
        ))}
      </div>
    </ToastContext.Provider>
  );
};
