import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { queries } from '../api/queries.js';
import { useFleet } from '../live/hooks.js';
import { Button, buttonClass } from '../ui/Button.js';
import { Copyable } from '../ui/Copyable.js';
import { Icon } from '../ui/Icon.js';
import layout from '../ui/layout.module.css';
import { modelGuides } from './models.js';
import { WirePanel } from './WirePanel.js';
import styles from './start.module.css';

const Step = ({
  title,
  isDone,
  children,
}: {
  readonly title: string;
  readonly isDone: boolean;
  readonly children: ReactNode;
}) => (
  <li className={styles['step']} data-done={isDone || undefined}>
    <span className={styles['mark']}>{isDone && <Icon name="check" size={16} />}</span>
    <div>
      <h3>
        {title}
        {isDone && <span className="visually-hidden"> (done)</span>}
      </h3>
      <div className={layout['muted']}>{children}</div>
    </div>
  </li>
);

const Steps = () => {
  const { devices } = useFleet();
  const images = useQuery(queries.images);
  const hasImage = images.data?.some(({ state }) => state === 'ready') === true;
  const isOwn = devices.some(({ state }) => state !== 'discovered');
  const isGiven = devices.some(({ assignment }) => assignment !== null);
  const isUp = devices.some(({ upGeneration }) => upGeneration !== null);
  return (
    <ol className={styles['steps']}>
      <Step title="Plug a board in" isDone={devices.length > 0}>
        Network cable into the same switch as this server, then power. No card, no keyboard, no screen. Your router goes
        on handing out addresses.
      </Step>
      <Step title="Import an image" isDone={hasImage}>
        The SD-card image of any Raspberry Pi system, as it is. <Link to="/images">Drop it on the page Images</Link>.
      </Step>
      <Step title="Adopt the board" isDone={isOwn}>
        A board that was seen is trusted with nothing until you adopt it.
      </Step>
      <Step title="Provision it" isDone={isGiven}>
        Choose the image and where its system lives: <Link to="/provision">the page Provision</Link> says what each
        means.
      </Step>
      <Step title="Switch it off and on, and watch it boot" isDone={isUp}>
        Each packet, file and step appears on the board’s page. When it does not come up, you are told why.
      </Step>
    </ol>
  );
};

const Models = () => (
  <section className={layout['panel']} aria-label="Switch network boot on">
    <h2>Nothing is heard? Switch network boot on</h2>
    {modelGuides.map(({ id, title, text, steps }) => (
      <details key={id} className={styles['model']}>
        <summary>{title}</summary>
        <p>{text}</p>
        <ol>
          {steps.map((step) => (
            <li key={step.text}>
              {step.text}
              {step.command !== undefined && (
                <div>
                  <Copyable text={step.command} />
                </div>
              )}
            </li>
          ))}
        </ol>
      </details>
    ))}
    <details className={styles['model']}>
      <summary>It is on, and still nothing is heard</summary>
      <p>
        The <Link to="/doctor">network doctor</Link> says what the server sees, and how to look from the board’s place.
      </p>
      <ul>
        <li>The board must be in the same network segment as this server: a Pi 3B does not cross a router.</li>
        <li>
          A managed switch may keep a port closed for 30 seconds after it comes up (spanning tree). Make it an edge
          port, or the board gives up before.
        </li>
        <li>
          Another server or the router may answer first with its own options 43, 60, 66 or 67. Take them out there.
        </li>
        <li>
          The server listens on UDP ports 67, 69 and 4011 and on TCP 8081 and 10809. A firewall has to let them in, and
          ports below 1024 need the right to be opened.
        </li>
        <li>
          Boards without a board: <code>drover simulate</code> boots one that exists in a process only.
        </li>
      </ul>
    </details>
  </section>
);

/** From nothing to the first board that is up. */
export const StartPage = ({ onFleet }: { readonly onFleet?: (() => void) | undefined }) => {
  const { devices } = useFleet();
  return (
    <div className={layout['page']}>
      <title>First steps · Drover</title>
      <div className={layout['head']}>
        <div>
          <h1>{devices.some(({ state }) => state !== 'discovered') ? 'First steps' : 'Your first board'}</h1>
          <p className={layout['muted']}>From a board in its box to a board that is up: about five minutes.</p>
        </div>
        <div className={layout['actions']}>
          {onFleet !== undefined && <Button onClick={onFleet}>Show the fleet</Button>}
          <Link to="/images" className={buttonClass()}>
            Import an image
          </Link>
        </div>
      </div>
      <div className={layout['columns']}>
        <div className={layout['stack']}>
          <section className={layout['panel']} aria-label="Steps">
            <Steps />
          </section>
          <Models />
        </div>
        <WirePanel />
      </div>
    </div>
  );
};
