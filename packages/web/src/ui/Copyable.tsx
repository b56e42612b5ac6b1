import { useState } from 'react';
import { IconButton } from './Button.js';
import styles from './copyable.module.css';

/** The clipboard is for pages that came by TLS; over plain HTTP a selection is copied. */
const copy = async (text: string): Promise<void> => {
  if (window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'visually-hidden';
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
};

/** A text people carry elsewhere: an id, a command. */
export const Copyable = ({ text }: { readonly text: string }) => {
  const [copied, setCopied] = useState(false);
  return (
    <span className={styles['copyable']}>
      <code>{text}</code>
      <IconButton
        icon={copied ? 'check' : 'copy'}
        label={copied ? 'Copied' : `Copy ${text}`}
        onClick={() => {
          void copy(text).then(() => {
            setCopied(true);
            setTimeout(() => {
              setCopied(false);
            }, 1500);
          });
        }}
      />
    </span>
  );
};
