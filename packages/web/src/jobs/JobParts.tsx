import type { Job } from '@drover/contract';
import { useState } from 'react';
import { client } from '../api/client.js';
import { queryClient } from '../api/queries.js';
import { jobText } from '../events/words.js';
import { useJobProgress } from '../live/hooks.js';
import { useMay } from '../session/principal.js';
import { Button } from '../ui/Button.js';
import { Notice, textOfError } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { useToast } from '../ui/Toast.js';
import { isUnfinished, mayRetry, progressText } from './model.js';

/** How far a running job is, as it happens. */
export const JobProgress = ({ job }: { readonly job: Job }) => {
  const live = useJobProgress(job.id);
  const progress = live ?? job.progress;
  if (job.state !== 'running') return null;
  return (
    <Progress
      label={`${jobText(job.kind)}: progress`}
      done={progress?.done ?? 0}
      total={progress?.total ?? null}
      text={job.cancelRequested ? 'It is asked to stop' : progress === null ? 'It has begun' : progressText(progress)}
    />
  );
};

/** Cancel and Again, where they make sense and the key may. */
export const JobActions = ({ job, onBegun }: { readonly job: Job; readonly onBegun?: (job: Job) => void }) => {
  const [isBusy, setBusy] = useState(false);
  const may = useMay('operator');
  const say = useToast();
  const what = jobText(job.kind).toLowerCase();
  const run = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    try {
      await work();
    } catch (error) {
      say(textOfError(error), 'bad');
    }
    setBusy(false);
    void queryClient.invalidateQueries({ queryKey: ['jobs'] });
  };
  if (!may) return null;
  if (isUnfinished(job)) {
    return (
      <Button
        small
        busy={isBusy}
        disabled={job.cancelRequested}
        aria-label={`Cancel: ${what}`}
        onClick={() => {
          void run(async () => {
            await client.jobs.cancel({ params: { id: job.id } });
            say(`It is asked to stop: ${what}.`);
          });
        }}
      >
        {job.cancelRequested ? 'Is stopping' : 'Cancel'}
      </Button>
    );
  }
  if (!mayRetry(job)) return null;
  return (
    <Button
      small
      busy={isBusy}
      aria-label={`Again: ${what}`}
      onClick={() => {
        void run(async () => {
          const begun = await client.jobs.retry({ params: { id: job.id } });
          say(`Begun again: ${what}.`);
          onBegun?.(begun);
        });
      }}
    >
      Again
    </Button>
  );
};

/** Why a job failed, and what to do. */
export const JobError = ({ error }: { readonly error: Job['error'] }) =>
  error === null ? null : (
    <Notice tone={error.code === 'job.cancelled' ? 'warn' : 'bad'} title={error.detail}>
      {error.conflicts !== undefined && error.conflicts.length > 0 && <p>In the way: {error.conflicts.join(', ')}</p>}
      {error.remedy !== undefined && <p>{error.remedy}</p>}
    </Notice>
  );
