import type { Device } from '@drover/contract';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Copyable } from '../ui/Copyable.js';
import { Badge, HealthDot } from '../ui/State.js';
import { durationText } from '../ui/format.js';
import { Time } from '../ui/Time.js';
import layout from '../ui/layout.module.css';

const Fact = ({ name, children }: { readonly name: string; readonly children: ReactNode }) => (
  <>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </>
);

const AssignmentFacts = ({ assignment }: { readonly assignment: NonNullable<Device['assignment']> }) => (
  <>
    <Fact name="Image">
      <Link to="/images/$ref" params={{ ref: assignment.imageName }}>
        {assignment.imageName}
      </Link>
    </Fact>
    <Fact name="Root mode">{assignment.rootMode}</Fact>
    {assignment.disk !== null && (
      <Fact name="Disk">
        <code>{assignment.disk}</code>
      </Fact>
    )}
    {assignment.kernelParameters !== '' && (
      <Fact name="Kernel">
        <code>{assignment.kernelParameters}</code>
      </Fact>
    )}
    <Fact name="Since">
      <Time at={assignment.assignedAt} />
    </Fact>
    <Fact name="Kept until">
      {assignment.leaseUntil === null ? 'somebody releases it' : <Time at={assignment.leaseUntil} />}
    </Fact>
  </>
);

const powerWords = {
  on: 'On',
  off: 'Off',
  starting: 'Starting',
  unknown: 'Not known',
  unproven: 'Switched, and nothing shows that it did anything',
} as const;

export const DeviceFacts = ({ device }: { readonly device: Device }) => {
  const { health, power } = device;
  return (
    <section className={layout['panel']} aria-label="Facts">
      <h2>This board</h2>
      <dl className={layout['facts']}>
        <Fact name="Model">{device.modelName ?? device.model}</Fact>
        {device.memoryMiB !== null && <Fact name="Memory">{device.memoryMiB} MiB</Fact>}
        {device.serial !== null && (
          <Fact name="Serial">
            <Copyable text={device.serial} />
          </Fact>
        )}
        {device.mac !== null && (
          <Fact name="MAC">
            <Copyable text={device.mac} />
          </Fact>
        )}
        {device.lastAddress !== null && (
          <Fact name="Address">
            <Copyable text={device.lastAddress} />
          </Fact>
        )}
        <Fact name="Last seen">
          <Time at={device.lastSeenAt} />
        </Fact>
        {Object.keys(device.labels).length > 0 && (
          <Fact name="Labels">
            <span className={layout['row']}>
              {Object.entries(device.labels).map(([key, value]) => (
                <Badge key={key}>{value === '' ? key : `${key}=${value}`}</Badge>
              ))}
            </span>
          </Fact>
        )}
        {device.assignment !== null && <AssignmentFacts assignment={device.assignment} />}
        {health.status !== 'unknown' && (
          <Fact name="Health">
            <HealthDot status={health.status} />
            {health.checks.length > 0 && <p>Fails: {health.checks.join(', ')}</p>}
            {health.uptimeSeconds !== null && (
              <p className={layout['small']}>up {durationText(health.uptimeSeconds * 1000)}</p>
            )}
          </Fact>
        )}
        <Fact name="Power">
          {power === null ? (
            <span className={layout['small']}>by hand only</span>
          ) : (
            <>
              {powerWords[power.state]} <span className={layout['small']}>({power.driver})</span>
              {power.failure !== null && <p>{power.failure}</p>}
            </>
          )}
        </Fact>
        <Fact name="Id">
          <Copyable text={device.id} />
        </Fact>
      </dl>
    </section>
  );
};
