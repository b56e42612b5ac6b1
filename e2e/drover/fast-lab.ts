import { inputs } from '../inputs/index.js';
import { createLab, type Lab } from '../lab/index.js';
import { startDrover, type Drover, type DroverOptions } from './server.js';

/** A lab with a server that has the fast image as `fast:1`. */
export interface FastLab {
  readonly lab: Lab;
  readonly drover: Drover;
  stop(): Promise<void>;
}

/** `settings`: of the server, where they depend on the lab. `before`: see DroverOptions. */
export async function startFastLab(
  name: string,
  settings: (lab: Lab) => Promise<DroverOptions['settings']> = async () => ({}),
  before?: string,
): Promise<FastLab> {
  const lab = await createLab({ name });
  try {
    const drover = await startDrover(lab, {
      settings: await settings(lab),
      ...(before === undefined ? {} : { before }),
    });
    await drover.importImage((await inputs.fast()).path, 'fast', '1');
    return {
      ...{ lab, drover },
      stop: async () => {
        await drover.stop();
        await lab.dispose();
      },
    };
  } catch (error) {
    await lab.dispose();
    throw error;
  }
}
