import type { ImageInput } from '../inputs/index.js';
import { hostAddress, startUserGuest } from './guest.js';
import { composeImage, identity, packIdentity } from './image.js';
import { createDeviceServer, type Report } from './server.js';

const upTimeoutMs = 600_000;

/** Boards that run a whole system on the runtime, without Drover's server. */
export interface DeviceRig {
  /** Boots the image in root mode ram; gives what the board told when it was up, and what it had said before. */
  bootToUp(input: ImageInput, parameters: string): Promise<{ up: Report; messageOf: (step: string) => string }>;
  dispose(): Promise<void>;
}

export function createDeviceRig(): DeviceRig {
  const ends: (() => Promise<unknown>)[] = [];
  return {
    async bootToUp(input, parameters) {
      const image = await composeImage(input);
      ends.push(() => image.dispose());
      const { hostname } = identity;
      const server = await createDeviceServer({ root: image.root, identityTar: await packIdentity(), hostname });
      ends.push(() => server.close());
      const drover = `drover.url=http://${hostAddress}:${server.port} drover.session=${server.session} drover.secret=${server.secret}`;
      const guest = startUserGuest({
        ...{ kernel: image.kernel, initrd: image.initrd, memoryMiB: 768 },
        append: `console=ttyAMA0 panic=-1 ${drover} ${parameters}`,
      });
      ends.push(() => guest.stop());
      const up = await server.report('up', 'ok', upTimeoutMs);
      const messageOf = (step: string): string =>
        server.reports.find((report) => report.step === step && report.state === 'ok')?.message ?? '';
      return { up, messageOf };
    },
    async dispose() {
      for (const end of ends.splice(0).reverse()) await end();
    },
  };
}
