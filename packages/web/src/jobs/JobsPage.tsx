import { jobKinds, jobStates, type Job } from '@drover/contract';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo } from 'react';
import { queries } from '../api/queries.js';
import { jobText } from '../events/words.js';
import { IconButton } from '../ui/Button.js';
import { Copyable } from '../ui/Copyable.js';
import { EmptyState } from '../ui/EmptyState.js';
import { SelectField } from '../ui/Field.js';
import layout from '../ui/layout.module.css';
import list from '../ui/list-page.module.css';
import { ProblemNotice } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { StateDot } from '../ui/State.js';
import { Subject } from '../ui/subject.js';
import { Time, useNow } from '../ui/Time.js';
import { VirtualList } from '../ui/VirtualList.js';
import { JobActions, JobError, JobProgress } from './JobParts.js';
import { jobLooks, tookText } from './model.js';
import { jobsQuery } from './queries.js';
import type { JobsSearch } from './search.js';
import styles from './jobs.module.css';

const JobRow = ({ job, onOpen }: { readonly job: Job; readonly onOpen: (id: string) => void }) => {
  const took = tookText(job, useNow());
  return (
    <div className={styles['job']}>
      <StateDot look={jobLooks[job.state]} />
      <div className={list['what']}>
        <span className={layout['row']}>
          <button
            type="button"
            className={styles['open']}
            onClick={() => {
              onOpen(job.id);
            }}
          >
            {jobText(job.kind)}
          </button>
          {job.subject !== null && <Subject id={job.subject} />}
        </span>
        <JobProgress job={job} />
        {job.error !== null && (
          <span className={job.state === 'failed' ? styles['error'] : list['detail']}>
            {job.error.detail} {job.error.remedy}
          </span>
        )}
      </div>
      <span className={styles['when']}>
        <Time at={job.createdAt} />
        {took !== undefined && <span>took {took}</span>}
      </span>
      <span className={styles['act']}>
        <JobActions job={job} />
      </span>
    </div>
  );
};

const JobDetail = ({
  id,
  onClose,
  onOpen,
}: {
  readonly id: string;
  readonly onClose: () => void;
  readonly onOpen: (id: string) => void;
}) => {
  const job = useQuery(queries.job(id));
  const now = useNow();
  if (job.data === undefined) return job.isError ? <ProblemNotice error={job.error} /> : null;
  const { kind, state, subject, attempts, createdAt, startedAt, error, result } = job.data;
  return (
    <section className={layout['panel']} aria-label="The job">
      <div className={layout['head']}>
        <div className={layout['row']}>
          <h2>{jobText(kind)}</h2>
          <StateDot look={jobLooks[state]} />
        </div>
        <div className={layout['row']}>
          <JobActions
            job={job.data}
            onBegun={(begun) => {
              onOpen(begun.id);
            }}
          />
          <IconButton icon="close" label="Close the job" onClick={onClose} />
        </div>
      </div>
      <JobProgress job={job.data} />
      <JobError error={error} />
      <dl className={layout['facts']}>
        <dt>Id</dt>
        <dd>
          <Copyable text={id} />
        </dd>
        {subject !== null && (
          <>
            <dt>About</dt>
            <dd>
              <Subject id={subject} />
            </dd>
          </>
        )}
        <dt>Asked for</dt>
        <dd>
          <Time at={createdAt} />
        </dd>
        <dt>Began</dt>
        <dd>
          <Time at={startedAt} never="not yet" />
        </dd>
        <dt>Took</dt>
        <dd>{tookText(job.data, now) ?? 'nothing yet'}</dd>
        <dt>Attempts</dt>
        <dd>{attempts}</dd>
      </dl>
      {result !== null && Object.keys(result).length > 0 && (
        <details>
          <summary>Result</summary>
          <pre className={layout['log']}>{JSON.stringify(result, null, 2)}</pre>
        </details>
      )}
    </section>
  );
};

const Filters = ({ search, go }: { readonly search: JobsSearch; readonly go: (next: JobsSearch) => void }) => (
  <div className={list['filters']}>
    <SelectField
      label="State"
      value={search.state ?? ''}
      options={[
        { value: '', label: 'Every state' },
        ...jobStates.map((value) => ({ value, label: jobLooks[value].label })),
      ]}
      onChange={({ target }) => {
        const { state: _former, ...rest } = search;
        const state = jobStates.find((each) => each === target.value);
        go(state === undefined ? rest : { ...rest, state });
      }}
    />
    <SelectField
      label="Kind"
      value={search.kind ?? ''}
      options={[{ value: '', label: 'Every kind' }, ...jobKinds.map((value) => ({ value, label: jobText(value) }))]}
      onChange={({ target }) => {
        const { kind: _former, ...rest } = search;
        const kind = jobKinds.find((each) => each === target.value);
        go(kind === undefined ? rest : { ...rest, kind });
      }}
    />
  </div>
);

export const JobsPage = () => {
  const search = useSearch({ from: '/jobs' });
  const navigate = useNavigate();
  const { state, kind, job } = search;
  const filter = useMemo(
    () => ({ ...(state === undefined ? {} : { state }), ...(kind === undefined ? {} : { kind }) }),
    [state, kind],
  );
  const jobs = useInfiniteQuery(jobsQuery(filter));
  const all = useMemo(() => jobs.data?.pages.flatMap(({ items }) => items) ?? [], [jobs.data]);
  const { fetchNextPage, hasNextPage, isFetchingNextPage } = jobs;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [fetchNextPage, hasNextPage, isFetchingNextPage]);
  const go = (next: JobsSearch): void => void navigate({ to: '/jobs', search: next, replace: true });
  const open = (id: string): void => {
    go({ ...filter, job: id });
  };
  return (
    <div className={list['page']}>
      <title>Jobs · Drover</title>
      <div>
        <h1>Jobs</h1>
        <p className={layout['muted']}>What the server works at, and what became of it.</p>
      </div>
      <Filters search={search} go={go} />
      {job !== undefined && (
        <JobDetail
          id={job}
          onOpen={open}
          onClose={() => {
            go(filter);
          }}
        />
      )}
      {jobs.isError && <ProblemNotice error={jobs.error} />}
      {jobs.isPending && <Progress label="Reading the jobs" done={0} total={null} />}
      {jobs.isSuccess && all.length === 0 && (
        <EmptyState icon="list" title="No such job">
          Imports, builds, disks, power and releases are done by jobs.
        </EmptyState>
      )}
      {all.length > 0 && (
        <VirtualList
          label="Jobs, newest first"
          count={all.length}
          estimate={56}
          keyOf={(index) => all[index]?.id ?? index}
          renderItem={(index) => {
            const item = all[index];
            return item === undefined ? null : <JobRow job={item} onOpen={open} />;
          }}
          onEnd={more}
          footer={isFetchingNextPage ? 'Reading older ones …' : hasNextPage ? '' : 'There are no older ones.'}
        />
      )}
    </div>
  );
};
