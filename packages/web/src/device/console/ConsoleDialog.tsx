import type { Device, DeviceConsole } from '@drover/contract';
import { useState } from 'react';
import { client } from '../../api/client.js';
import { deviceStore } from '../../live/live.js';
import { CheckField, SelectField, TextField } from '../../ui/Field.js';
import { FormDialog } from '../../ui/FormDialog.js';

type Kind = DeviceConsole['kind'] | 'none';

interface Typed {
  readonly kind: Kind;
  readonly host: string;
  readonly port: string;
  readonly telnet: boolean;
  readonly user: string;
  readonly command: string;
}

const typedOf = (console: DeviceConsole | null): Typed => ({
  ...{ kind: console?.kind ?? 'tcp', host: console?.host ?? '', port: String(console?.port ?? '') },
  telnet: console?.kind === 'tcp' && console.telnet,
  user: console?.kind === 'ssh' ? console.user : '',
  command: console?.kind === 'ssh' ? console.command : '',
});

const consoleOf = ({ kind, host, port, telnet, user, command }: Typed): DeviceConsole | null => {
  if (kind === 'none') return null;
  if (kind === 'tcp') return { kind, host, port: Number(port), telnet };
  return { kind, host, port: port === '' ? 22 : Number(port), user, command };
};

const SshFields = ({ typed, change }: { readonly typed: Typed; readonly change: (part: Partial<Typed>) => void }) => (
  <>
    <TextField
      label="User"
      value={typed.user}
      required
      onChange={(event) => {
        change({ user: event.target.value.trim() });
      }}
    />
    <TextField
      label="Program that shows the line"
      value={typed.command}
      required
      placeholder="picocom -q /dev/ttyUSB0"
      onChange={(event) => {
        change({ command: event.target.value });
      }}
    />
  </>
);

/** Where the serial console of a board is. For admins. */
export const ConsoleDialog = ({ device, onClose }: { readonly device: Device; readonly onClose: () => void }) => {
  const [typed, setTyped] = useState(() => typedOf(device.console));
  const change = (part: Partial<Typed>): void => {
    setTyped((now) => ({ ...now, ...part }));
  };
  return (
    <FormDialog
      title={`Where the console of ${device.name} is`}
      button={typed.kind === 'none' ? 'Take it away' : 'Save'}
      danger={typed.kind === 'none'}
      filledFrom={device.console}
      onClose={onClose}
      onSubmit={async () => {
        const body = { console: consoleOf(typed) };
        deviceStore.put(await client.devices.update({ params: { ref: device.id }, body }, { ifMatch: device.etag }));
      }}
    >
      <SelectField
        label="Reached by"
        value={typed.kind}
        options={[
          { value: 'tcp', label: 'A port of ser2net or of a terminal server' },
          { value: 'ssh', label: 'A program on another host, through ssh' },
          ...(device.console === null ? [] : [{ value: 'none', label: 'Nothing: it has no console' }]),
        ]}
        onChange={(event) => {
          const kind = (['tcp', 'ssh', 'none'] as const).find((each) => each === event.target.value);
          change({ kind: kind ?? 'tcp' });
        }}
      />
      {typed.kind !== 'none' && (
        <>
          <TextField
            label="Host"
            value={typed.host}
            required
            placeholder="serial.lan"
            onChange={(event) => {
              change({ host: event.target.value.trim() });
            }}
          />
          <TextField
            label="Port"
            value={typed.port}
            inputMode="numeric"
            pattern="[0-9]{1,5}"
            required={typed.kind === 'tcp'}
            placeholder={typed.kind === 'tcp' ? '2001' : '22'}
            onChange={(event) => {
              change({ port: event.target.value.trim() });
            }}
          />
        </>
      )}
      {typed.kind === 'tcp' && (
        <CheckField
          label="It speaks telnet"
          checked={typed.telnet}
          onChange={(event) => {
            change({ telnet: event.target.checked });
          }}
        />
      )}
      {typed.kind === 'ssh' && <SshFields typed={typed} change={change} />}
    </FormDialog>
  );
};
