import type { ImageInput } from '../inputs/index.js';
import { hostAddress, startUserGuest, type UserGuest, type UserGuestOptions } from './guest.js';
import { composeImage, identity, packIdentity, type ComposedImage } from './image.js';
import { createDeviceServer, type DeviceServer, type DeviceServerOptions } from './server.js';

export interface BootOptions extends Partial<UserGuestOptions> {
  /** More of the kernel's command line. */
  readonly parameters?: string;
  /** Its beginning. */
  readonly console?: string;
  /** In place of the right one. */
  readonly secret?: string;
}

/** What the server of a boot does, beside what it should; `attached`: a root that is not downloaded. */
export type Serving = Pick<DeviceServerOptions, 'faults' | 'attached'>;

/** A board and its server, which is not ours, for one boot. */
export interface Boot {
  readonly server: DeviceServer;
  readonly guest: UserGuest;
}

/** Boots of one image on the runtime, one at a time. */
export interface Boots {
  readonly image: ComposedImage;
  boot(serving?: Serving, options?: BootOptions): Promise<Boot>;
  /** Ends the last boot. */
  end(): Promise<void>;
  dispose(): Promise<void>;
}

export async function prepareBoots(input: ImageInput): Promise<Boots> {
  const image = await composeImage(input);
  const identityTar = await packIdentity();
  let last: Boot | undefined;
  return {
    image,
    async boot(serving = {}, options = {}) {
      await last?.server.close();
      const server = await createDeviceServer({
        root: image.root,
        identityTar,
        hostname: identity.hostname,
        ...serving,
      });
      const { parameters = '', console = 'console=ttyAMA0 panic=-1 quiet', secret = server.secret, ...rest } = options;
      const guest = startUserGuest({
        kernel: image.kernel,
        initrd: image.initrd,
        append: [
          console,
          `drover.url=http://${hostAddress}:${server.port} drover.session=${server.session} drover.secret=${secret}`,
          `drover.mode=${serving.attached?.mode ?? 'ram'}`,
          parameters,
        ].join(' '),
        ...rest,
      });
      last = { server, guest };
      return last;
    },
    async end() {
      await last?.guest.stop();
      await last?.server.close();
      last = undefined;
    },
    dispose: () => image.dispose(),
  };
}

/** Steps in the order in which they were reported as done. */
export const done = (of: DeviceServer): string[] =>
  of.reports.filter(({ state, log }) => state === 'ok' && log === undefined).map(({ step }) => step);

/** Those of a boot in root mode ram. */
export const allSteps = [
  ...['start', 'modules', 'network', 'clock', 'exchange', 'download', 'verify', 'mount', 'identity', 'prepare'],
  ...['switch', 'up'],
];

export const upTimeoutMs = 300_000;
