import { describe, expect, it } from 'vitest';
import { runCrashLoop } from '../../test/support/qcow2/crash-loop.js';
import { announceRuns, loopTimeout, seed } from '../../test/support/runs.js';

describe('a qcow2 disk whose process is killed or whose power is cut', () => {
  it('loses nothing that it promised to keep', { timeout: loopTimeout }, async () => {
    const moments = announceRuns('qcow2 crash', 500);
    const result = await runCrashLoop({ seed, moments });
    console.log(`loop qcow2 crash: ${result.moments} crashes, 0 failures ${JSON.stringify(result)}`);
    expect(result.moments).toBeGreaterThanOrEqual(moments);
  });
});
