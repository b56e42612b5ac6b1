import { useId, useState, type ReactNode } from 'react';
import { Button } from './Button.js';
import { Dialog } from './Dialog.js';
import { Notice, ProblemNotice } from './Notice.js';
import styles from './dialog.module.css';

/** Asks for something, does it, and closes; what is refused is shown with its reason, and can be tried again. */
export const FormDialog = ({
  title,
  button,
  danger = false,
  wide = false,
  disabled = false,
  filledFrom,
  onSubmit,
  onClose,
  children,
}: {
  readonly title: string;
  /** What it does, as a verb. */
  readonly button: string;
  readonly danger?: boolean;
  readonly wide?: boolean;
  readonly disabled?: boolean;
  /** What the form was filled from, as it is now: nothing is saved over what somebody else changed while the form was open. */
  readonly filledFrom?: unknown;
  readonly onSubmit: () => Promise<unknown>;
  readonly onClose: () => void;
  readonly children: ReactNode;
}) => {
  const id = useId();
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const now = JSON.stringify(filledFrom);
  const [opened] = useState(now);
  // While it is being saved, the change is its own.
  const isStale = now !== opened && !isBusy;
  const isDisabled = disabled || isStale;
  const run = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await onSubmit();
      onClose();
    } catch (refused) {
      setError(refused);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      wide={wide}
      footer={
        <>
          <Button onClick={onClose}>{error === undefined ? 'Cancel' : 'Close'}</Button>
          <Button kind={danger ? 'danger' : 'primary'} type="submit" form={id} busy={isBusy} disabled={isDisabled}>
            {button}
          </Button>
        </>
      }
    >
      <form
        id={id}
        className={styles['form']}
        onSubmit={(event) => {
          event.preventDefault();
          if (!isDisabled && !isBusy) void run();
        }}
      >
        {children}
        {error !== undefined && <ProblemNotice error={error} />}
        {isStale && (
          <Notice tone="warn" title="Somebody else has changed this meanwhile.">
            <p>Close this form and open it again: it has what counts now.</p>
          </Notice>
        )}
      </form>
    </Dialog>
  );
};
