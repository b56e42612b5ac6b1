import { createToolRunner } from '@drover/tools';
import { createFirstBootReader } from '../../../src/adapters/first-boot/index.js';

/** What reads first-boot settings, as the server has it. */
export const firstBoot = createFirstBootReader(createToolRunner());
