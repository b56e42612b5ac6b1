import type { BootSession, Device } from '@drover/contract';
import { useState } from 'react';
import { useMay } from '../../session/principal.js';
import { Button } from '../../ui/Button.js';
import { Copyable } from '../../ui/Copyable.js';
import { Notice } from '../../ui/Notice.js';
import layout from '../../ui/layout.module.css';
import { ConsoleDialog } from './ConsoleDialog.js';
import { ConsoleView } from './ConsoleView.js';
import { EarlyLogs } from './EarlyLogs.js';

const None = ({ device, mayAdmin }: { readonly device: Device; readonly mayAdmin: boolean }) => (
  <Notice tone="info" title="Nobody has said where its serial console is">
    <p>
      Wire its serial pins (GPIO 14 and 15, ground) to a USB adapter of another machine that has ser2net, or to a
      terminal server. {mayAdmin ? 'Then say here, or' : 'Then an admin says here, or'} on the command line, where that
      is:
    </p>
    <Copyable text={`drover device set-console ${device.name} --tcp serial.lan:2001`} />
  </Notice>
);

const Console = ({ device }: { readonly device: Device }) => {
  const [mayOperate, mayAdmin] = [useMay('operator'), useMay('admin')];
  const [isSetting, setSetting] = useState(false);
  const { console } = device;
  return (
    <section className={layout['panel']} aria-label="Serial console">
      <div className={layout['head']}>
        <div>
          <h2>Serial console</h2>
          {console !== null && (
            <p className={layout['small']}>
              {console.kind === 'tcp' ? `${console.host}:${console.port}` : `${console.user}@${console.host}`}
            </p>
          )}
        </div>
        {mayAdmin && device.state !== 'discovered' && (
          <Button
            small
            onClick={() => {
              setSetting(true);
            }}
          >
            {console === null ? 'Say where it is' : 'Change'}
          </Button>
        )}
      </div>
      {console === null ? (
        <None device={device} mayAdmin={mayAdmin} />
      ) : mayOperate ? (
        <ConsoleView key={JSON.stringify(console)} device={device.id} name={device.name} />
      ) : (
        <p className={layout['muted']}>
          What a console shows may be a password, so it is for operators. Your key may only look at the rest.
        </p>
      )}
      {isSetting && (
        <ConsoleDialog
          device={device}
          onClose={() => {
            setSetting(false);
          }}
        />
      )}
    </section>
  );
};

/** The serial console of a board, and what was logged while it booted. */
export const ConsoleTab = ({
  device,
  session,
}: {
  readonly device: Device;
  readonly session: BootSession | undefined;
}) => (
  <>
    <Console device={device} />
    {session !== undefined && <EarlyLogs key={session.id} session={session} />}
  </>
);
