import type { Device } from '@drover/contract';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { client } from '../api/client.js';
import { unfitReason, type BulkAction } from '../fleet/actions.js';
import { BulkDialog } from '../fleet/BulkDialog.js';
import { deviceStore } from '../live/live.js';
import { chosen } from '../provision/chosen.js';
import { Button } from '../ui/Button.js';
import { Menu, type MenuItem } from '../ui/Menu.js';
import { textOfError } from '../ui/Notice.js';
import { useToast } from '../ui/Toast.js';
import layout from '../ui/layout.module.css';
import { LeaseDialog, NameDialog, ReimageDialog } from './DeviceDialogs.js';

type Open = 'name' | 'reimage' | 'lease' | Exclude<BulkAction, 'provision' | 'adopt' | 'label'>;

const hasAssignment = ({ state }: Device): boolean => ['preparing', 'in-use', 'failed'].includes(state);

/** What can be done to this board now: the next step as a button, the rest in a menu. */
export const DeviceActions = ({ device }: { readonly device: Device }) => {
  const [open, setOpen] = useState<Open>();
  const [isBusy, setBusy] = useState(false);
  const navigate = useNavigate();
  const say = useToast();
  const can = (action: BulkAction): boolean => unfitReason(action, device) === undefined;

  const adopt = async (): Promise<void> => {
    setBusy(true);
    try {
      deviceStore.put(await client.devices.adopt({ params: { ref: device.id }, body: {} }));
      say(`${device.name} is adopted.`);
    } catch (error) {
      say(textOfError(error), 'bad');
    }
    setBusy(false);
  };
  const show = (what: Open) => () => {
    setOpen(what);
  };
  const items: MenuItem[] = [
    ...(device.state === 'discovered' ? [] : [{ label: 'Name and labels', onSelect: show('name') }]),
    ...(hasAssignment(device) ? [{ label: 'Lease', onSelect: show('lease') }] : []),
    ...(can('on') ? [{ label: 'Switch on', onSelect: show('on') }] : []),
    ...(can('off') ? [{ label: 'Switch off', onSelect: show('off') }] : []),
    ...(can('cycle') ? [{ label: 'Switch off and on', onSelect: show('cycle') }] : []),
    ...(can('delete') ? [{ label: 'Forget this board', danger: true, onSelect: show('delete') }] : []),
  ];
  const close = (): void => {
    setOpen(undefined);
  };
  return (
    <div className={layout['actions']}>
      {can('adopt') && (
        <Button kind="primary" busy={isBusy} onClick={() => void adopt()}>
          Adopt
        </Button>
      )}
      {can('provision') && (
        <Button
          kind="primary"
          icon="provision"
          onClick={() => {
            chosen.set([device.id]);
            void navigate({ to: '/provision' });
          }}
        >
          Provision
        </Button>
      )}
      {hasAssignment(device) && <Button onClick={show('reimage')}>Another image</Button>}
      {can('release') && <Button onClick={show('release')}>Release</Button>}
      {items.length > 0 && <Menu label="More for this board" icon="more" items={items} />}
      {open === 'name' && <NameDialog device={device} onClose={close} />}
      {open === 'reimage' && <ReimageDialog device={device} onClose={close} />}
      {open === 'lease' && <LeaseDialog device={device} onClose={close} />}
      {open !== undefined && open !== 'name' && open !== 'reimage' && open !== 'lease' && (
        <BulkDialog
          action={open}
          devices={[device]}
          onClose={(isDone) => {
            const isGone = open === 'delete' && isDone;
            close();
            if (isGone) void navigate({ to: '/' });
          }}
        />
      )}
    </div>
  );
};
