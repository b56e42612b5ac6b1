import type { ReactNode } from 'react';
import { Icon, type IconName } from './Icon.js';
import styles from './empty.module.css';

export const EmptyState = ({
  icon,
  title,
  children,
  action,
}: {
  readonly icon: IconName;
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
}) => (
  <div className={styles['empty']}>
    <Icon name={icon} size={32} />
    <h2>{title}</h2>
    {children !== undefined && <div className={styles['text']}>{children}</div>}
    {action}
  </div>
);
