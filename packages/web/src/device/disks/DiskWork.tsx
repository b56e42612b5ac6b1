import type { Disk, Job } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { JobActions, JobError, JobProgress } from '../../jobs/JobParts.js';
import { Notice } from '../../ui/Notice.js';
import { Time } from '../../ui/Time.js';
import { damageIn, isCheck } from './check.js';
import { lastJobAbout } from './queries.js';
import styles from './disks.module.css';

/** What the check of a disk found. */
const CheckResult = ({ job }: { readonly job: Job }) => {
  const damage = damageIn(job.result);
  if (damage === undefined) return null;
  if (damage.length === 0)
    return (
      <Notice tone="ok" title="The check found no errors.">
        {job.endedAt !== null && <Time at={job.endedAt} />}
      </Notice>
    );
  return (
    <Notice tone="bad" title="The check found damage.">
      <ul>
        {damage.map(({ file, problem }) => (
          <li key={file}>
            {file}: {problem}
          </li>
        ))}
      </ul>
      <p>Save what can be read, and make a new disk of a backup or a snapshot.</p>
    </Notice>
  );
};

/** What is being done to a disk, why the last thing could not be done, or what a check found. */
export const DiskWork = ({ disk }: { readonly disk: Disk }) => {
  const { data: job } = useQuery(lastJobAbout(disk.id));
  if (job == null) return null;
  if (job.endedAt === null)
    return (
      <div className={styles['work']}>
        <JobProgress job={job} />
        <JobActions job={job} />
      </div>
    );
  if (job.error === null) return isCheck(job) ? <CheckResult job={job} /> : null;
  return (
    <div className={styles['work']}>
      <JobError error={job.error} />
      <JobActions job={job} />
    </div>
  );
};
