import type { Assignment, BeatHealth, DeviceHealth, HealthStatus } from '@drover/contract';

/** What a board said of itself. */
export interface Beat {
  readonly health: BeatHealth;
  /** Names of the checks that failed. */
  readonly checks: readonly string[];
  readonly uptimeSeconds: number;
  readonly image: string | null;
  readonly root: string | null;
  readonly offline: boolean;
}

export interface HeardBeat extends Beat {
  readonly session: string;
  /** RFC 3339. */
  readonly at: string;
  /** When the board is silent, should nothing else come: fixed when it was heard, as the board was told then how often to come. */
  readonly dueAt: string;
  /** When it was told that the board is silent; null for one that was heard since. RFC 3339. */
  readonly silentAt: string | null;
}

/** Intervals without a heartbeat after which a board is silent. */
const missedBeats = 3;

export const silenceMs = (everySeconds: number): number => missedBeats * everySeconds * 1000;

export const dueAfter = (at: number, everySeconds: number): string =>
  new Date(at + silenceMs(everySeconds)).toISOString();

interface Beating {
  readonly assignment: Pick<Assignment, 'rootMode' | 'imageName' | 'generation'> | null;
  /** Of the last boot that came up. */
  readonly upGeneration: number | null;
  readonly beat: HeardBeat | null;
}

/** Only a board that keeps its root on its card tells how it is; what another told earlier says nothing of now. */
const beatOf = ({ assignment, beat }: Beating): HeardBeat | null => (assignment?.rootMode === 'sd' ? beat : null);

/** `at` is RFC 3339. */
export const healthStatus = (device: Beating, at: string): HealthStatus => {
  const beat = beatOf(device);
  if (beat === null) return 'unknown';
  if (beat.silentAt !== null || beat.dueAt < at) return 'silent';
  return beat.health === 'ok' ? 'healthy' : 'failing';
};

/** Whether the board came up with the last good image, as the one it was told to run did not. Before it has been told of that one it runs another rightly. */
export const fellBack = (device: Beating): boolean => {
  const image = beatOf(device)?.image ?? null;
  const { assignment, upGeneration } = device;
  return image !== null && upGeneration === assignment?.generation && image !== assignment.imageName;
};

export const healthOf = (device: Beating, at: string): DeviceHealth => {
  const beat = beatOf(device);
  return {
    status: healthStatus(device, at),
    checks: [...(beat?.checks ?? [])],
    reportedAt: beat?.at ?? null,
    uptimeSeconds: beat?.uptimeSeconds ?? null,
    image: beat?.image ?? null,
    root: beat?.root ?? null,
    offline: beat?.offline ?? null,
    fellBack: fellBack(device),
  };
};
