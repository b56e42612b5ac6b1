import { refusal, success, type ConsoleInput, type DeviceConsole, type Principal, type Result } from '@drover/contract';
import { refuseBelow } from '../../domain/tenancy.js';
import { findDevice } from '../devices/find.js';
import type { DeviceRecord } from '../devices/ports.js';
import type { Store } from '../store/ports.js';
import type { ConsoleHub } from './hub.js';

/** Serial consoles of devices. What one shows may be a password, so readers do not see it. */
export interface Consoles {
  /** Until the signal; without `follow`, what is kept of it. */
  watch(
    who: Principal,
    ref: string,
    options: { readonly follow: boolean },
    signal: AbortSignal,
  ): Promise<Result<AsyncIterable<Uint8Array>>>;
  write(who: Principal, ref: string, input: ConsoleInput): Promise<Result<null>>;
}

interface Deps {
  readonly store: Store;
  readonly hub: Pick<ConsoleHub, 'watch' | 'backlog' | 'write'>;
}

interface Found {
  readonly device: string;
  readonly console: DeviceConsole;
}

export function createConsoles({ store, hub }: Deps): Consoles {
  const find = async (who: Principal, ref: string): Promise<Result<Found>> => {
    const refused = refuseBelow(who, 'operator');
    if (refused !== undefined) return refused;
    const found = await store.read((tx) => findDevice(tx, who, ref));
    return found.ok ? consoleOf(found.value) : found;
  };
  return {
    watch: async (who, ref, { follow }, signal) => {
      const found = await find(who, ref);
      if (!found.ok) return found;
      const { device, console } = found.value;
      return follow ? hub.watch(device, console, signal) : success(once(hub.backlog(device, console)));
    },
    write: async (who, ref, input) => {
      const found = await find(who, ref);
      if (!found.ok) return found;
      const { text, base64 = '' } = input;
      const bytes = text === undefined ? Buffer.from(base64, 'base64') : Buffer.from(text);
      return hub.write(found.value.device, found.value.console, bytes);
    },
  };
}

const consoleOf = ({ id, name, console }: DeviceRecord): Result<Found> =>
  console === null
    ? refusal('console.none', `Nobody has said where the serial console of ${name} is.`, {
        remedy: `An admin says it: drover device set-console ${name} --tcp HOST:PORT`,
      })
    : success({ device: id, console });

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}
