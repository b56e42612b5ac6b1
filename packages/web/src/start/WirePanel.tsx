import { Link } from '@tanstack/react-router';
import { useEffect, useMemo, useState } from 'react';
import { client } from '../api/client.js';
import { useFleet } from '../live/hooks.js';
import { deviceStore, followTimelines } from '../live/live.js';
import { useMay } from '../session/principal.js';
import { Button } from '../ui/Button.js';
import { textOfError } from '../ui/Notice.js';
import { DeviceStateDot } from '../ui/State.js';
import { Time } from '../ui/Time.js';
import { useToast } from '../ui/Toast.js';
import layout from '../ui/layout.module.css';
import { newcomers, withWireLine, type WireLine } from './wire.js';
import styles from './start.module.css';

/** What is heard on the network since this page was opened. */
const useWire = (): readonly WireLine[] => {
  const [lines, setLines] = useState<readonly WireLine[]>([]);
  useEffect(
    () =>
      followTimelines({}, (message) => {
        setLines((now) => withWireLine(now, message));
      }),
    [],
  );
  return lines;
};

const Newcomers = () => {
  const { devices } = useFleet();
  const boards = useMemo(() => newcomers(devices).slice(0, 12), [devices]);
  const [busy, setBusy] = useState<string>();
  const may = useMay('operator');
  const say = useToast();
  const adopt = async (id: string, name: string): Promise<void> => {
    setBusy(id);
    try {
      deviceStore.put(await client.devices.adopt({ params: { ref: id }, body: {} }));
      say(`${name} is adopted. Give it an image next.`);
    } catch (error) {
      say(textOfError(error), 'bad');
    }
    setBusy(undefined);
  };
  if (boards.length === 0) return null;
  return (
    <ul className={styles['newcomers']} aria-label="Boards that were seen">
      {boards.map((device) => (
        <li key={device.id}>
          <span>
            <Link to="/devices/$ref" params={{ ref: device.name }}>
              {device.name}
            </Link>
            <span className={layout['small']}>
              {' '}
              {device.modelName ?? device.model} · {device.mac ?? device.lastAddress} · <Time at={device.lastSeenAt} />
            </span>
          </span>
          <DeviceStateDot state={device.state} />
          {may && (
            <Button small kind="primary" busy={busy === device.id} onClick={() => void adopt(device.id, device.name)}>
              Adopt
            </Button>
          )}
        </li>
      ))}
    </ul>
  );
};

/** What the server sees on the network right now, and the boards that came of it. */
export const WirePanel = () => {
  const lines = useWire();
  const { byId } = useFleet();
  return (
    <section className={layout['panel']} aria-label="On the network now">
      <div className={layout['head']}>
        <h2>On the network now</h2>
        <span className={styles['listening']}>
          <span aria-hidden="true" />
          listening
        </span>
      </div>
      <Newcomers />
      {lines.length === 0 ? (
        <p className={layout['muted']}>
          Nothing was heard since you opened this page. Plug a board in: it appears here within seconds.
        </p>
      ) : (
        <ol className={styles['lines']} aria-label="What is heard" tabIndex={0}>
          {lines.map((line) => (
            <li key={line.key}>
              <span className={layout['small']}>{new Date(line.at).toLocaleTimeString()}</span>
              <span>
                <strong>{byId.get(line.device)?.name ?? line.device}</strong> {line.text}
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
};
