import styles from './progress.module.css';

/** `done` of `total`; without a total something moves, and nobody knows how long. */
export const Progress = ({
  label,
  done,
  total,
  text,
}: {
  readonly label: string;
  readonly done: number;
  readonly total: number | null;
  readonly text?: string;
}) => (
  <div className={styles['progress']}>
    <progress
      className={styles['bar']}
      aria-label={label}
      {...(total === null || total === 0 ? {} : { value: Math.min(done, total), max: total })}
    />
    {text !== undefined && <span className={styles['text']}>{text}</span>}
  </div>
);
