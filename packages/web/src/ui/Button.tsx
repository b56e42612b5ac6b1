import type { ButtonHTMLAttributes, ReactNode } from 'react';
import { Icon, type IconName } from './Icon.js';
import styles from './button.module.css';

export interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'className' | 'style'> {
  readonly kind?: 'primary' | 'plain' | 'danger' | 'quiet';
  readonly icon?: IconName;
  readonly busy?: boolean;
  readonly small?: boolean;
  readonly children: ReactNode;
}

export const Button = ({ kind = 'plain', icon, busy = false, small = false, children, ...rest }: ButtonProps) => (
  <button
    type="button"
    {...rest}
    aria-busy={busy || undefined}
    disabled={busy || rest.disabled === true}
    className={[styles['button'], styles[kind], small ? styles['small'] : ''].join(' ')}
  >
    {icon !== undefined && <Icon name={icon} size={16} />}
    {children}
  </button>
);

/** A button that shows a drawing only; `label` is what it is called. */
export const IconButton = ({
  icon,
  label,
  ...rest
}: Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'className' | 'style' | 'children'> & {
  readonly icon: IconName;
  readonly label: string;
}) => (
  <button type="button" {...rest} aria-label={label} title={label} className={`${styles['button']} ${styles['icon']}`}>
    <Icon name={icon} />
  </button>
);

/** Class of a link that looks like a button. */
export const buttonClass = (kind: 'primary' | 'plain' = 'plain'): string => `${styles['button']} ${styles[kind]}`;
