import { DroverError } from '@drover/sdk';
import type { ReactNode } from 'react';
import { Icon } from './Icon.js';
import styles from './notice.module.css';

export const Notice = ({
  tone,
  title,
  children,
}: {
  readonly tone: 'info' | 'ok' | 'warn' | 'bad';
  readonly title: string;
  readonly children?: ReactNode;
}) => (
  <div className={styles['notice']} data-tone={tone} role={tone === 'bad' ? 'alert' : undefined}>
    <Icon name={tone === 'ok' ? 'check' : tone === 'bad' ? 'error' : tone === 'warn' ? 'warning' : 'info'} />
    <div>
      <strong>{title}</strong>
      {children !== undefined && <div className={styles['more']}>{children}</div>}
    </div>
  </div>
);

/** Why something was refused, what stands in the way, and what to do. */
export const ProblemNotice = ({ error }: { readonly error: unknown }) => {
  if (!(error instanceof DroverError)) {
    return <Notice tone="bad" title={error instanceof Error ? error.message : 'Something went wrong.'} />;
  }
  const { problem, remedy } = error;
  return (
    <Notice tone="bad" title={problem.detail}>
      {problem.conflicts !== undefined && problem.conflicts.length > 0 && (
        <p>In the way: {problem.conflicts.join(', ')}</p>
      )}
      {remedy !== undefined && <p>{remedy}</p>}
    </Notice>
  );
};

export const textOfError = (error: unknown): string => {
  if (error instanceof DroverError) return [error.message, error.remedy].filter(Boolean).join(' ');
  return error instanceof Error ? error.message : 'Something went wrong.';
};
