/** A board that is up keeps a question for its data disks open, as device/lib/disks.sh does. This one attaches none. */
import { valuesOf, type DeviceHttp } from './device-http.js';
import { backOff, isGood, isRefusal, sessionPath, type RuntimeRun } from './runtime-run.js';

/** Milliseconds of board time; longer than the server holds a question. */
const limitMs = 80_000;
const longestPause = 32;

type Following = Pick<RuntimeRun, 'parameters' | 'authorization' | 'board'>;

/** Asks, and again at once when it is answered, until the board is switched off. `http` ends with the board. */
export const followDisks = async (run: Following, http: DeviceHttp, off: AbortSignal): Promise<void> => {
  const pause = backOff({ ...run.board, signal: off });
  let known = '';
  let failures = 0;
  while (!off.aborted) {
    const path = `${sessionPath(run, 'disks')}?known=${known}&has=&busy=`;
    const answer = await http.ask({ method: 'GET', path, authorization: run.authorization, limitMs });
    if (isGood(answer)) {
      known = valuesOf(answer)['version'] ?? '';
      failures = 0;
      continue;
    }
    // This boot is over, or the server lost its memory of it.
    if (isRefusal(answer)) failures = 5;
    await pause(failures, longestPause);
    failures += 1;
  }
};
