import type { BootLayerVersion, Device, EffectiveBootConfig } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { FilesPanel } from '../../files/FilesPanel.js';
import { FirstBootPanel } from '../../first-boot/FirstBootPanel.js';
import { useMay } from '../../session/principal.js';
import { Button } from '../../ui/Button.js';
import { ProblemNotice } from '../../ui/Notice.js';
import { Progress } from '../../ui/Progress.js';
import { Badge } from '../../ui/State.js';
import { Time } from '../../ui/Time.js';
import layout from '../../ui/layout.module.css';
import { ClearDialog, DiffDialog, EditDialog, RevertDialog } from './ConfigDialogs.js';
import { layerText, valueText } from './model.js';
import { effectiveConfig, layerVersions, ownLayer } from './queries.js';
import styles from './config.module.css';

/** Characters of a value that are shown at once. */
const most = 120;

const Value = ({ path, value }: { readonly path: string; readonly value: unknown }) => {
  const text = valueText(path, value);
  const [first = ''] = text.split('\n');
  if (text.length <= most && !text.trimEnd().includes('\n')) return <code className={styles['value']}>{text}</code>;
  return (
    <details>
      <summary>
        <code className={styles['value']}>{first.slice(0, most)} …</code>
      </summary>
      <pre className={layout['log']} tabIndex={0} role="region" aria-label={path}>
        {text}
      </pre>
    </details>
  );
};

const Values = ({ config, device }: { readonly config: EffectiveBootConfig; readonly device: string }) => (
  <div className={layout['tableScroll']} tabIndex={0} role="region" aria-label="Values">
    <table className={layout['table']}>
      <thead>
        <tr>
          <th scope="col">Value</th>
          <th scope="col">Is</th>
          <th scope="col">From</th>
        </tr>
      </thead>
      <tbody>
        {config.values.map(({ path, value, layer }) => (
          <tr key={path}>
            <td className={styles['path']}>{path}</td>
            <td className={styles['valueCell']}>
              <Value path={path} value={value} />
            </td>
            <td>
              <Badge>{layerText(layer, device)}</Badge>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);

const Effective = ({ device }: { readonly device: Device }) => {
  const config = useQuery(effectiveConfig(device.id));
  return (
    <section className={layout['panel']} aria-label="Boot config">
      <div>
        <h2>Boot config</h2>
        <p className={layout['small']}>
          What its card is told, when it boots from one: the image, scripts and settings. Boards that boot over the
          network alone need none.
        </p>
      </div>
      {config.isPending && <Progress label="Reading the boot config" done={0} total={null} />}
      {config.isError && <ProblemNotice error={config.error} />}
      {config.data?.values.length === 0 && (
        <p className={layout['muted']}>Nobody says anything: neither for all boards, nor for its labels, nor for it.</p>
      )}
      {config.data !== undefined && config.data.values.length > 0 && (
        <>
          <Values config={config.data} device={device.id} />
          <p className={layout['small']}>
            Layers, the lowest first:{' '}
            {config.data.layers
              .map(({ ref, version }) => `${layerText(ref, device.id)} (version ${version})`)
              .join(', ')}
            . What is above has the last word.
          </p>
        </>
      )}
    </section>
  );
};

const VersionRow = ({
  device,
  version,
  isLast,
}: {
  readonly device: Device;
  readonly version: BootLayerVersion;
  readonly isLast: boolean;
}) => {
  const may = useMay('operator');
  const [open, setOpen] = useState<'diff' | 'revert'>();
  const close = (): void => {
    setOpen(undefined);
  };
  const { version: number } = version;
  return (
    <li className={styles['version']}>
      <span>
        <strong>Version {number}</strong>{' '}
        <span className={layout['small']}>
          <Time at={version.at} /> by {version.author.slice(-6)}
        </span>
        {version.document === null && <p>It says nothing.</p>}
        {version.reason !== '' && <p>{version.reason}</p>}
      </span>
      <span className={layout['actions']}>
        {number > 1 && (
          <Button
            small
            aria-label={`Changes of version ${number}`}
            onClick={() => {
              setOpen('diff');
            }}
          >
            Changes
          </Button>
        )}
        {may && !isLast && (
          <Button
            small
            aria-label={`Go back to version ${number}`}
            onClick={() => {
              setOpen('revert');
            }}
          >
            Go back
          </Button>
        )}
      </span>
      {open === 'diff' && <DiffDialog device={device} version={number} onClose={close} />}
      {open === 'revert' && <RevertDialog device={device} to={version} onClose={close} />}
    </li>
  );
};

const Own = ({ device }: { readonly device: Device }) => {
  const layer = useQuery(ownLayer(device.id));
  const versions = useQuery(layerVersions(device.id));
  const may = useMay('operator');
  const [open, setOpen] = useState<'edit' | 'clear'>();
  const close = (): void => {
    setOpen(undefined);
  };
  const says = layer.data?.document != null;
  return (
    <section className={layout['panel']} aria-label="Its own values">
      <div className={layout['head']}>
        <h2>What it says itself</h2>
        {may && layer.data !== undefined && (
          <div className={layout['actions']}>
            <Button
              small
              onClick={() => {
                setOpen('edit');
              }}
            >
              {says ? 'Change' : 'Say something'}
            </Button>
            {says && (
              <Button
                small
                kind="danger"
                onClick={() => {
                  setOpen('clear');
                }}
              >
                Take away
              </Button>
            )}
          </div>
        )}
      </div>
      {layer.isError && <ProblemNotice error={layer.error} />}
      {versions.data?.length === 0 && (
        <p className={layout['muted']}>Nothing yet: it gets what is said for all boards and for its labels.</p>
      )}
      <ol className={styles['versions']} aria-label="Versions, newest first">
        {(versions.data ?? []).map((version, index) => (
          <VersionRow key={version.version} device={device} version={version} isLast={index === 0} />
        ))}
      </ol>
      {open === 'edit' && <EditDialog device={device} layer={layer.data ?? null} onClose={close} />}
      {open === 'clear' && <ClearDialog device={device} onClose={close} />}
    </section>
  );
};

/** The boot config of a board, with the layer each value is from, and what it says itself. */
export const ConfigTab = ({ device }: { readonly device: Device }) => {
  if (device.state === 'discovered')
    return (
      <section className={layout['panel']} aria-label="Boot config">
        <h2>Boot config</h2>
        <p className={layout['muted']}>A board that nobody has adopted is told nothing.</p>
      </section>
    );
  return (
    <>
      <Effective device={device} />
      <Own device={device} />
      <FirstBootPanel device={device} />
      <FilesPanel device={device} />
    </>
  );
};
