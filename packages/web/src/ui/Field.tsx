import {
  useId,
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
} from 'react';
import styles from './field.module.css';

interface FieldProps {
  readonly label: string;
  readonly hint?: ReactNode;
  readonly error?: string | undefined;
  /** The label is for screen readers only, where the place says what it is. */
  readonly labelHidden?: boolean;
}

const Frame = ({
  id,
  label,
  hint,
  error,
  labelHidden = false,
  children,
}: FieldProps & { readonly id: string; readonly children: ReactNode }) => (
  <div className={styles['field']}>
    <label htmlFor={id} className={labelHidden ? 'visually-hidden' : styles['label']}>
      {label}
    </label>
    {children}
    {hint !== undefined && (
      <p id={`${id}-hint`} className={styles['hint']}>
        {hint}
      </p>
    )}
    {error !== undefined && (
      <p id={`${id}-error`} className={styles['error']}>
        {error}
      </p>
    )}
  </div>
);

const described = (id: string, { hint, error }: Pick<FieldProps, 'hint' | 'error'>): string | undefined =>
  [hint === undefined ? '' : `${id}-hint`, error === undefined ? '' : `${id}-error`].join(' ').trim() || undefined;

type Input = Omit<InputHTMLAttributes<HTMLInputElement>, 'className' | 'style' | 'id'>;

export const TextField = ({ label, hint, error, labelHidden, ...rest }: FieldProps & Input) => {
  const id = useId();
  return (
    <Frame {...{ id, label, hint, error }} labelHidden={labelHidden ?? false}>
      <input
        autoComplete="off"
        {...rest}
        id={id}
        className={styles['input']}
        aria-invalid={error !== undefined || undefined}
        aria-describedby={described(id, { hint, error })}
      />
    </Frame>
  );
};

type Area = Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, 'className' | 'style' | 'id'>;

/** A text of several lines, as programs read it. */
export const TextAreaField = ({ label, hint, error, labelHidden, ...rest }: FieldProps & Area) => {
  const id = useId();
  return (
    <Frame {...{ id, label, hint, error }} labelHidden={labelHidden ?? false}>
      <textarea
        spellCheck={false}
        autoComplete="off"
        {...rest}
        id={id}
        className={`${styles['input']} ${styles['area']}`}
        aria-invalid={error !== undefined || undefined}
        aria-describedby={described(id, { hint, error })}
      />
    </Frame>
  );
};

/** Yes or no. */
export const CheckField = ({
  label,
  hint,
  ...rest
}: { readonly label: string; readonly hint?: string } & Omit<Input, 'type'>) => {
  const id = useId();
  return (
    <div className={styles['field']}>
      <label className={styles['check']}>
        <input type="checkbox" {...rest} aria-describedby={described(id, { hint, error: undefined })} />
        {label}
      </label>
      {hint !== undefined && (
        <p id={`${id}-hint`} className={styles['hint']}>
          {hint}
        </p>
      )}
    </div>
  );
};

export interface Option {
  readonly value: string;
  readonly label: string;
}

type Choice = Omit<SelectHTMLAttributes<HTMLSelectElement>, 'className' | 'style' | 'id' | 'children'>;

export const SelectField = ({
  label,
  hint,
  error,
  labelHidden,
  options,
  ...rest
}: FieldProps & Choice & { readonly options: readonly Option[] }) => {
  const id = useId();
  return (
    <Frame {...{ id, label, hint, error }} labelHidden={labelHidden ?? false}>
      <select {...rest} id={id} className={styles['select']} aria-describedby={described(id, { hint, error })}>
        {options.map(({ value, label: text }) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </Frame>
  );
};

/** One of a few, each with a sentence: radio buttons as cards. */
export const ChoiceCards = <T extends string>({
  legend,
  name,
  value,
  choices,
  onChange,
}: {
  readonly legend: string;
  readonly name: string;
  readonly value: T | undefined;
  readonly choices: readonly {
    readonly value: T;
    readonly label: string;
    readonly text: string;
    /** Why it cannot be chosen. */
    readonly unfit?: string | undefined;
  }[];
  readonly onChange: (value: T) => void;
}) => (
  <fieldset className={styles['cards']}>
    <legend className={styles['label']}>{legend}</legend>
    {choices.map((choice) => (
      <label key={choice.value} className={styles['card']} data-unfit={choice.unfit !== undefined || undefined}>
        <input
          type="radio"
          name={name}
          value={choice.value}
          checked={choice.value === value}
          disabled={choice.unfit !== undefined}
          onChange={() => {
            onChange(choice.value);
          }}
        />
        <span>
          <strong>{choice.label}</strong>
          <span className={styles['hint']}>{choice.text}</span>
          {choice.unfit !== undefined && <span className={styles['hint']}>Not possible: {choice.unfit}</span>}
        </span>
      </label>
    ))}
  </fieldset>
);
