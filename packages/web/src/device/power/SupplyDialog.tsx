import type { Device, PowerDriverInfo } from '@drover/contract';
import { useState } from 'react';
import { client } from '../../api/client.js';
import { deviceStore } from '../../live/live.js';
import { SelectField, TextField } from '../../ui/Field.js';
import { FormDialog } from '../../ui/FormDialog.js';
import { readValues, supplyOf, typedOf } from './model.js';

/** Which driver switches a board, and at which place. For admins. */
export const SupplyDialog = ({
  device,
  drivers,
  onClose,
}: {
  readonly device: Device;
  readonly drivers: readonly PowerDriverInfo[];
  readonly onClose: () => void;
}) => {
  const driverOf = (name: string | undefined) => drivers.find((each) => each.name === name);
  const [typed, setTyped] = useState(() => typedOf(device.power, driverOf(device.power?.driver)));
  const supply = supplyOf(typed);
  const takesAway = typed.driver === '' && device.power !== null;
  return (
    <FormDialog
      title={`What switches ${device.name}`}
      button={takesAway ? 'Take it away' : 'Save'}
      danger={takesAway}
      disabled={supply === undefined && !takesAway}
      filledFrom={device.power}
      onClose={onClose}
      onSubmit={async () => {
        const body = { power: supply ?? null };
        deviceStore.put(await client.devices.update({ params: { ref: device.id }, body }, { ifMatch: device.etag }));
      }}
    >
      <SelectField
        label="Driver"
        value={typed.driver}
        hint="As the settings of the server name them, under power.drivers"
        options={[
          { value: '', label: device.power === null ? 'Choose one' : 'None: by hand only' },
          ...drivers.map(({ name, kind }) => ({ value: name, label: `${name} (${kind})` })),
        ]}
        onChange={(event) => {
          setTyped(typedOf(device.power, driverOf(event.target.value)));
        }}
      />
      {Object.entries(typed.needed).map(([name, value]) => (
        <TextField
          key={name}
          label={name}
          value={value}
          required
          onChange={(event) => {
            setTyped({ ...typed, needed: { ...typed.needed, [name]: event.target.value } });
          }}
        />
      ))}
      {typed.driver !== '' && (
        <TextField
          label="Other values"
          value={typed.more}
          placeholder="group=2 channel=0"
          hint="What only some drivers or boards need; most need none"
          error={readValues(typed.more) === undefined ? 'Write it like group=2 channel=0' : undefined}
          onChange={(event) => {
            setTyped({ ...typed, more: event.target.value });
          }}
        />
      )}
    </FormDialog>
  );
};
