import type { ReactNode } from 'react';
import styles from './disks.module.css';

/** What is kept of a disk, under a title: a row for each. */
export const KeptList = ({
  title,
  label,
  children,
}: {
  readonly title: string;
  /** For screen readers: of which disk. */
  readonly label: string;
  readonly children: ReactNode;
}) => (
  <>
    <h4>{title}</h4>
    <ul className={styles['kept']} aria-label={label}>
      {children}
    </ul>
  </>
);
