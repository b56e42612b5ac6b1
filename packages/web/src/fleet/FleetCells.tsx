import type { Device } from '@drover/contract';
import { memo } from 'react';
import { Badge, DeviceStateDot, HealthDot } from '../ui/State.js';
import { Time } from '../ui/Time.js';
import styles from './fleet.module.css';

interface Props {
  readonly device: Device;
  readonly index: number;
  readonly isSelected: boolean;
  /** `range`: with Shift, from the one before to here. Stays the same, so that rows are not drawn again for it. */
  readonly onToggle: (index: number, range: boolean) => void;
  readonly onOpen: (device: Device) => void;
}

const Select = ({ device, index, isSelected, onToggle }: Props) => (
  <input
    type="checkbox"
    tabIndex={-1}
    className={styles['check']}
    aria-label={`Select ${device.name}`}
    checked={isSelected}
    onClick={(event) => {
      onToggle(index, event.shiftKey);
    }}
    onChange={() => undefined}
  />
);

/** A plain link: the router's own costs too much where a screen of them changes with each frame. */
const NameLink = ({ device, onOpen }: Pick<Props, 'device' | 'onOpen'>) => (
  <a
    href={`/ui/devices/${encodeURIComponent(device.name)}`}
    tabIndex={-1}
    className={styles['name']}
    onClick={(event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      onOpen(device);
    }}
  >
    {device.name}
  </a>
);

const labelsOf = (device: Device): string[] =>
  Object.entries(device.labels).map(([key, value]) => (value === '' ? key : `${key}=${value}`));

const healthOf = (device: Device) =>
  device.health.status === 'unknown' ? (
    <span className={styles['none']}>–</span>
  ) : (
    <HealthDot status={device.health.status} />
  );

export const FleetHeader = () => (
  <div role="rowgroup" className={styles['headGroup']}>
    <div role="row" aria-rowindex={1} className={`${styles['cells']} ${styles['head']}`}>
      <span role="columnheader">
        <span className="visually-hidden">Selected</span>
      </span>
      <span role="columnheader">Board</span>
      <span role="columnheader">State</span>
      <span role="columnheader">Model</span>
      <span role="columnheader">Image</span>
      <span role="columnheader">Health</span>
      <span role="columnheader">Labels</span>
      <span role="columnheader">Last seen</span>
    </div>
  </div>
);

export const FleetRow = memo(function FleetRow(props: Props) {
  const { device } = props;
  return (
    <div className={styles['cells']} role="presentation">
      <span role="gridcell">
        <Select {...props} />
      </span>
      <span role="gridcell" className={styles['nameCell']}>
        <NameLink device={device} onOpen={props.onOpen} />
        <span className={styles['sub']}>{device.lastAddress ?? device.mac ?? device.serial ?? ''}</span>
      </span>
      <span role="gridcell" title={device.stateReason ?? undefined}>
        <DeviceStateDot state={device.state} />
      </span>
      <span role="gridcell" title={device.modelName ?? undefined}>
        {device.model}
      </span>
      <span role="gridcell">
        {device.assignment === null ? (
          <span className={styles['none']}>–</span>
        ) : (
          <>
            {device.assignment.imageName} <span className={styles['sub']}>{device.assignment.rootMode}</span>
          </>
        )}
      </span>
      <span role="gridcell">{healthOf(device)}</span>
      <span role="gridcell" className={styles['labelCell']}>
        {labelsOf(device).map((label) => (
          <Badge key={label}>{label}</Badge>
        ))}
      </span>
      <span role="gridcell" className={styles['sub']}>
        <Time at={device.lastSeenAt} />
      </span>
    </div>
  );
});

export const FleetTile = memo(function FleetTile(props: Props) {
  const { device } = props;
  return (
    <div className={styles['tile']}>
      <div className={styles['tileTop']}>
        <NameLink device={device} onOpen={props.onOpen} />
        <Select {...props} />
      </div>
      <DeviceStateDot state={device.state} />
      <span className={styles['sub']}>
        {[device.model, device.assignment?.imageName ?? device.lastAddress].filter(Boolean).join(' · ')}
      </span>
    </div>
  );
});
