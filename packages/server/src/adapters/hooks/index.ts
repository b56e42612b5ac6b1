import { RefusedError, success, type Result } from '@drover/contract';
import type { ToolRunner } from '@drover/tools';
import type { DeviceRecord } from '../../app/devices/ports.js';

/** What a hook reads on its standard input, as one JSON object. */
interface Told {
  readonly event: 'release';
  readonly device: Pick<
    DeviceRecord,
    'id' | 'name' | 'tenant' | 'site' | 'model' | 'mac' | 'serial' | 'bootPrefix' | 'labels' | 'lastAddress'
  >;
  /** What it ran: `name:version`. */
  readonly image: string | null;
}

export interface ReleaseHookSettings {
  /** Absolute path; undefined: there is none. */
  readonly program?: string | undefined;
  readonly timeoutSeconds: number;
}

/** Runs the program of the settings before a device is released; what it refuses with (an exit code that is not 0) is said with the end of what it printed. */
export const createReleaseHook =
  (tools: Pick<ToolRunner, 'run'>, { program, timeoutSeconds }: ReleaseHookSettings) =>
  async (device: DeviceRecord, image: string | null, signal: AbortSignal): Promise<Result<null>> => {
    if (program === undefined) return success(null);
    const limit = AbortSignal.timeout(timeoutSeconds * 1000);
    try {
      const input = [Buffer.from(JSON.stringify(told(device, image)))];
      await tools.run(program, [], {
        input: (async function* () {
          yield* input;
        })(),
        signal: AbortSignal.any([signal, limit]),
      });
      return success(null);
    } catch (error) {
      signal.throwIfAborted();
      if (limit.aborted)
        return {
          ok: false,
          code: 'tool.failed',
          detail: `the release hook ${program} did not end in ${timeoutSeconds} s`,
        };
      if (error instanceof RefusedError) return error.refusal;
      throw error;
    }
  };

const told = (device: DeviceRecord, image: string | null): Told => {
  const { id, name, tenant, site, model, mac, serial, bootPrefix, labels, lastAddress } = device;
  return {
    event: 'release',
    device: { id, name, tenant, site, model, mac, serial, bootPrefix, labels, lastAddress },
    image,
  };
};
