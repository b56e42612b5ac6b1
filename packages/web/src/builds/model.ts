import type { Build } from '@drover/contract';

/** Who asked for a build: people and programs, or the clock. */
export const whoText = ({ trigger, schedule }: Pick<Build, 'trigger' | 'schedule'>): string =>
  trigger === 'schedule' ? `by the clock${schedule === null ? '' : ` (${schedule})`}` : 'by somebody';

const sources = { shipped: 'comes with Drover', folder: 'of this server', upload: 'uploaded' } as const;

export const sourceText = ({ source }: Pick<Build, 'source'>): string => sources[source.kind];
