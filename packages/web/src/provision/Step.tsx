import type { Image } from '@drover/contract';
import type { ReactNode } from 'react';
import layout from '../ui/layout.module.css';
import type { Wish } from './plan.js';
import styles from './provision.module.css';

/** What each step of the wizard shows and changes. */
export interface Part {
  readonly wish: Wish;
  readonly image: Image | undefined;
  readonly change: (change: Partial<Wish>) => void;
}

/** One numbered question. */
export const Step = ({
  number,
  title,
  children,
}: {
  readonly number: number;
  readonly title: string;
  readonly children: ReactNode;
}) => (
  <section className={layout['panel']} aria-label={title}>
    <h2 className={styles['step']}>
      <span>{number}</span>
      {title}
    </h2>
    {children}
  </section>
);
