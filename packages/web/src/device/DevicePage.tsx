import type { Device } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams, useSearch } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { queries } from '../api/queries.js';
import { useKnownDevice } from '../live/hooks.js';
import { useMay } from '../session/principal.js';
import { Icon } from '../ui/Icon.js';
import { Notice, ProblemNotice } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { DeviceStateDot } from '../ui/State.js';
import layout from '../ui/layout.module.css';
import { BootList, BootTab, useBoots, type Boots } from './BootTab.js';
import { DeviceActions } from './DeviceActions.js';
import { DeviceFacts } from './DeviceFacts.js';
import { DeviceTabs, panelId, tabId } from './DeviceTabs.js';
import type { DeviceSearch, DeviceTab } from './search.js';

/** What a person waits for, or does next. */
const nextStep = (device: Device): string | undefined => {
  const hasPower = device.power !== null;
  switch (device.state) {
    case 'discovered':
      return 'Seen on the network, and trusted with nothing yet. Adopt it to give it an image.';
    case 'available':
      return 'Ready for an image.';
    case 'preparing':
      return device.stateReason ?? 'What it boots is being made ready.';
    case 'in-use':
      if (device.upGeneration === device.assignment?.generation) return undefined;
      return hasPower
        ? 'Its image is ready; it boots it when it starts next.'
        : 'Its image is ready. Unplug the board and plug it in again: it boots it now.';
    case 'releasing':
      return device.stateReason ?? 'Being released.';
    case 'failed':
      return undefined;
  }
};

const DisksTab = lazy(async () => ({ default: (await import('./disks/DisksTab.js')).DisksTab }));
const PowerTab = lazy(async () => ({ default: (await import('./power/PowerTab.js')).PowerTab }));
const ConfigTab = lazy(async () => ({ default: (await import('./config/ConfigTab.js')).ConfigTab }));
const ConsoleTab = lazy(async () => ({ default: (await import('./console/ConsoleTab.js')).ConsoleTab }));

const Part = ({ device, tab, boots }: { readonly device: Device; readonly tab: DeviceTab; readonly boots: Boots }) => {
  switch (tab) {
    case 'boot':
      return <BootTab boots={boots} />;
    case 'disks':
      return <DisksTab device={device} />;
    case 'power':
      return <PowerTab device={device} />;
    case 'config':
      return <ConfigTab device={device} />;
    case 'console':
      return <ConsoleTab device={device} session={boots.shown} />;
  }
};

const Head = ({ device }: { readonly device: Device }) => {
  const mayChange = useMay('operator');
  const next = nextStep(device);
  return (
    <div className={layout['stack']}>
      <Link to="/" className={layout['back']}>
        <Icon name="back" size={14} />
        Fleet
      </Link>
      <div className={layout['head']}>
        <div className={layout['row']}>
          <h1>{device.name}</h1>
          <DeviceStateDot state={device.state} />
        </div>
        {mayChange && <DeviceActions device={device} />}
      </div>
      {device.state === 'failed' && (
        <Notice tone="bad" title={device.stateReason ?? 'This board failed.'}>
          <p>Give it another image, or release it.</p>
        </Notice>
      )}
      {next !== undefined && <p className={layout['muted']}>{next}</p>}
    </div>
  );
};

const Known = ({ device, search }: { readonly device: Device; readonly search: DeviceSearch }) => {
  const { session, tab = 'boot' } = search;
  const boots = useBoots(device.id, session);
  return (
    <div className={layout['page']}>
      <title>{`${device.name} · Drover`}</title>
      <Head device={device} />
      <DeviceTabs device={device.name} tab={tab} session={session} />
      <div className={layout['columns']}>
        <div id={panelId} role="tabpanel" aria-labelledby={tabId(tab)} className={layout['stack']}>
          <Suspense fallback={<Progress label="Loading" done={0} total={null} />}>
            <Part key={`${device.id} ${tab}`} device={device} tab={tab} boots={boots} />
          </Suspense>
        </div>
        <div className={layout['stack']}>
          <DeviceFacts device={device} />
          {boots.sessions.length > 0 && <BootList boots={boots} device={device.name} />}
        </div>
      </div>
    </div>
  );
};

export const DevicePage = () => {
  const { ref } = useParams({ from: '/devices/$ref' });
  const search = useSearch({ from: '/devices/$ref' });
  const known = useKnownDevice(ref);
  const asked = useQuery({ ...queries.device(ref), enabled: known === undefined });
  const device = known ?? asked.data;
  if (device !== undefined) return <Known device={device} search={search} />;
  return (
    <div className={layout['page']}>
      <title>Board · Drover</title>
      <h1>{ref}</h1>
      {asked.isError ? (
        <ProblemNotice error={asked.error} />
      ) : (
        <Progress label="Reading the board" done={0} total={null} />
      )}
    </div>
  );
};
