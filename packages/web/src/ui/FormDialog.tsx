import { useId, useState, type ReactNode } from 'react';
import { Button } from './Button.js';
import { Dialog } from './Dialog.js';
import { ProblemNotice } from './Notice.js';
import styles from './dialog.module.css';

/** Asks for something, does it, and closes; what is refused is shown with its reason, and can be tried again. */
export const FormDialog = ({
  title,
  button,
  danger = false,
  wide = false,
  disabled = false,
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
  readonly onSubmit: () => Promise<unknown>;
  readonly onClose: () => void;
  readonly children: ReactNode;
}) => {
  const id = useId();
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
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
          <Button kind={danger ? 'danger' : 'primary'} type="submit" form={id} busy={isBusy} disabled={disabled}>
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
          if (!disabled && !isBusy) void run();
        }}
      >
        {children}
        {error !== undefined && <ProblemNotice error={error} />}
      </form>
    </Dialog>
  );
};
