import type { DeviceState, HealthStatus, ImageState, SessionOutcome } from '@drover/contract';
import type { ReactNode } from 'react';
import styles from './state.module.css';

type Tone = 'ok' | 'warn' | 'bad' | 'info' | 'plain';

/** Colour is never the only sign: each has a form of its own, and its word beside it. */
const forms = {
  ring: <circle cx="6" cy="6" r="4" fill="none" strokeWidth="2" />,
  dashed: <circle cx="6" cy="6" r="4" fill="none" strokeWidth="2" strokeDasharray="2.2 2" />,
  full: <circle cx="6" cy="6" r="5" stroke="none" fill="currentColor" />,
  half: (
    <>
      <circle cx="6" cy="6" r="4" fill="none" strokeWidth="2" />
      <path d="M6 2a4 4 0 0 1 0 8z" stroke="none" fill="currentColor" />
    </>
  ),
  cross: <path d="M2.5 2.5l7 7M9.5 2.5l-7 7" fill="none" strokeWidth="2.4" strokeLinecap="round" />,
  triangle: <path d="M6 1.5l5 9H1z" stroke="none" fill="currentColor" />,
} satisfies Record<string, ReactNode>;

interface Look {
  readonly tone: Tone;
  readonly form: keyof typeof forms;
  readonly label: string;
}

export const deviceLooks: Readonly<Record<DeviceState, Look>> = {
  discovered: { tone: 'info', form: 'dashed', label: 'Discovered' },
  available: { tone: 'plain', form: 'ring', label: 'Available' },
  preparing: { tone: 'info', form: 'half', label: 'Preparing' },
  'in-use': { tone: 'ok', form: 'full', label: 'In use' },
  releasing: { tone: 'warn', form: 'half', label: 'Releasing' },
  failed: { tone: 'bad', form: 'cross', label: 'Failed' },
};

const outcomeLooks: Readonly<Record<SessionOutcome, Look>> = {
  running: { tone: 'info', form: 'half', label: 'Booting' },
  up: { tone: 'ok', form: 'full', label: 'Up' },
  failed: { tone: 'bad', form: 'cross', label: 'Failed' },
  lost: { tone: 'bad', form: 'triangle', label: 'Fell silent' },
  superseded: { tone: 'plain', form: 'ring', label: 'Began again' },
  revoked: { tone: 'bad', form: 'cross', label: 'Revoked' },
};

const imageLooks: Readonly<Record<ImageState, Look>> = {
  importing: { tone: 'info', form: 'half', label: 'Importing' },
  ready: { tone: 'ok', form: 'full', label: 'Ready' },
  failed: { tone: 'bad', form: 'cross', label: 'Failed' },
  deleting: { tone: 'warn', form: 'half', label: 'Deleting' },
};

const healthLooks: Readonly<Record<HealthStatus, Look>> = {
  healthy: { tone: 'ok', form: 'full', label: 'Healthy' },
  failing: { tone: 'bad', form: 'cross', label: 'Failing' },
  silent: { tone: 'warn', form: 'triangle', label: 'Silent' },
  unknown: { tone: 'plain', form: 'ring', label: 'Tells nothing' },
};

export const StateDot = ({ look }: { readonly look: Look }) => (
  <span className={styles['state']} data-tone={look.tone}>
    <svg width="12" height="12" viewBox="0 0 12 12" stroke="currentColor" aria-hidden="true" focusable="false">
      {forms[look.form]}
    </svg>
    {look.label}
  </span>
);

export const DeviceStateDot = ({ state }: { readonly state: DeviceState }) => <StateDot look={deviceLooks[state]} />;
export const OutcomeDot = ({ outcome }: { readonly outcome: SessionOutcome }) => (
  <StateDot look={outcomeLooks[outcome]} />
);
export const ImageStateDot = ({ state }: { readonly state: ImageState }) => <StateDot look={imageLooks[state]} />;
export const HealthDot = ({ status }: { readonly status: HealthStatus }) => <StateDot look={healthLooks[status]} />;

export const Badge = ({ children }: { readonly children: ReactNode }) => (
  <span className={styles['badge']}>{children}</span>
);
