import type { Build } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { client } from '../api/client.js';
import { queries, queryClient } from '../api/queries.js';
import { JobError, JobProgress } from '../jobs/JobParts.js';
import { isUnfinished, jobLooks, tookText } from '../jobs/model.js';
import { useMay } from '../session/principal.js';
import { Button } from '../ui/Button.js';
import { Copyable } from '../ui/Copyable.js';
import { bytesText } from '../ui/format.js';
import { Icon } from '../ui/Icon.js';
import layout from '../ui/layout.module.css';
import { Notice, ProblemNotice, textOfError } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { Badge, StateDot } from '../ui/State.js';
import { Time, useNow } from '../ui/Time.js';
import { useToast } from '../ui/Toast.js';
import { DeleteBuildDialog } from './DeleteBuildDialog.js';
import { whoText } from './model.js';
import { LogView } from './LogView.js';
import type { BuildStage } from './log-model.js';
import { buildQuery } from './queries.js';
import { useBuildLog } from './use-build-log.js';
import styles from './builds.module.css';

const contentOf = (id: string, path: string): string => `/api/v2/builds/${encodeURIComponent(id)}/${path}`;

const Facts = ({ build }: { readonly build: Build }) => {
  const now = useNow();
  return (
    <section className={layout['panel']} aria-label="Facts">
      <h2>What it is</h2>
      <dl className={layout['facts']}>
        <dt>Recipe</dt>
        <dd>
          <Link to="/builds" search={{ recipe: build.recipe }}>
            {build.recipe}
          </Link>
        </dd>
        <dt>Asked for</dt>
        <dd>
          <Time at={build.createdAt} /> {whoText(build)}
        </dd>
        <dt>Took</dt>
        <dd>{tookText(build, now) ?? 'not begun yet'}</dd>
        {build.image !== null && (
          <>
            <dt>Image</dt>
            <dd>
              <Link to="/images/$ref" params={{ ref: build.image }}>
                {build.image}
              </Link>
              {build.unchanged && <p className={layout['small']}>The very same image was there before.</p>}
            </dd>
          </>
        )}
        <dt>Id</dt>
        <dd>
          <Copyable text={build.id} />
        </dd>
      </dl>
      <div className={layout['row']}>
        {build.release && <Badge>as small as it gets</Badge>}
        {build.pinned && <Badge>pinned</Badge>}
        {build.publish && <Badge>published</Badge>}
        {build.tenant === null && <Badge>of the installation</Badge>}
      </div>
    </section>
  );
};

const Files = ({ build }: { readonly build: Build }) => (
  <section className={layout['panel']} aria-label="Files">
    <h2>Files</h2>
    {build.files.length === 0 ? (
      <p className={layout['muted']}>
        {isUnfinished(build) ? 'They are there when the build is done.' : 'It left none.'}
      </p>
    ) : (
      <ul className={layout['stack']}>
        {build.files.map(({ name, size }) => (
          <li key={name} className={layout['row']}>
            <a href={contentOf(build.id, `files/${name}`)} download={name}>
              {name}
            </a>
            <span className={layout['small']}>{bytesText(size)}</span>
          </li>
        ))}
      </ul>
    )}
  </section>
);

const Stages = ({
  stages,
  build,
  onGo,
}: {
  readonly stages: readonly BuildStage[];
  readonly build: Build;
  readonly onGo: (line: number) => void;
}) => {
  if (stages.length === 0) return null;
  return (
    <ol className={styles['stages']} aria-label="Stages">
      {stages.map((stage, index) => {
        const isLast = index === stages.length - 1;
        const look = isLast && build.state !== 'succeeded' ? jobLooks[build.state] : jobLooks.succeeded;
        return (
          <li key={stage.line}>
            <button
              type="button"
              title={`To line ${stage.line + 1} of the log`}
              onClick={() => {
                onGo(stage.line);
              }}
            >
              <StateDot look={{ ...look, label: stage.title }} />
              <span>
                {stage.kept
                  ? 'kept'
                  : stage.seconds === undefined
                    ? isLast && isUnfinished(build)
                      ? 'now'
                      : ''
                    : `${stage.seconds} s`}
              </span>
            </button>
          </li>
        );
      })}
    </ol>
  );
};

const Log = ({ build }: { readonly build: Build }) => {
  const { log, state, error } = useBuildLog(build.id);
  const [wanted, setWanted] = useState<{ readonly line: number }>();
  return (
    <section className={layout['panel']} aria-label="Stages and log">
      <h2>Log</h2>
      <Stages
        stages={log.stages}
        build={build}
        onGo={(line) => {
          setWanted({ line });
        }}
      />
      {state === 'waiting' && <Notice tone="warn" title="The connection broke off. It goes on where it was." />}
      {state === 'refused' && <ProblemNotice error={error} />}
      {log.lines.length === 0 ? (
        <p className={layout['muted']}>{state === 'ended' ? 'It said nothing.' : 'Nothing was said yet.'}</p>
      ) : (
        <LogView
          log={log}
          isRunning={state === 'reading' && isUnfinished(build)}
          download={contentOf(build.id, 'log')}
          filename={`${build.recipe}-${build.id.slice(-6).toLowerCase()}.log`}
          wanted={wanted}
        />
      )}
    </section>
  );
};

const Actions = ({ build }: { readonly build: Build }) => {
  const say = useToast();
  const [isDeleting, setDeleting] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const run = async (work: () => Promise<unknown>, done: string): Promise<void> => {
    setBusy(true);
    try {
      await work();
      say(done);
    } catch (error) {
      say(textOfError(error), 'bad');
    }
    setBusy(false);
    void queryClient.invalidateQueries({ queryKey: ['builds'] });
  };
  const update = (body: { pinned?: boolean; publish?: boolean }, done: string): void => {
    void run(() => client.builds.update({ params: { id: build.id }, body }), done);
  };
  const { job } = build;
  return (
    <div className={layout['actions']}>
      {isUnfinished(build) && job !== null && (
        <Button
          busy={isBusy}
          onClick={() => {
            void run(() => client.jobs.cancel({ params: { id: job } }), 'It is asked to stop.');
          }}
        >
          Cancel
        </Button>
      )}
      <Button
        busy={isBusy}
        aria-pressed={build.pinned}
        onClick={() => {
          update({ pinned: !build.pinned }, build.pinned ? 'It may be thrown away again.' : 'It is kept.');
        }}
      >
        {build.pinned ? 'Unpin' : 'Pin'}
      </Button>
      <Button
        busy={isBusy}
        aria-pressed={build.publish}
        onClick={() => {
          update({ publish: !build.publish }, build.publish ? 'It is no longer in the index.' : 'It is in the index.');
        }}
      >
        {build.publish ? 'Unpublish' : 'Publish'}
      </Button>
      <Button
        kind="danger"
        onClick={() => {
          setDeleting(true);
        }}
      >
        Delete
      </Button>
      {isDeleting && (
        <DeleteBuildDialog
          build={build}
          onClose={() => {
            setDeleting(false);
          }}
        />
      )}
    </div>
  );
};

const RunningJob = ({ id }: { readonly id: string }) => {
  const job = useQuery(queries.job(id));
  return job.data === undefined ? null : <JobProgress job={job.data} />;
};

const Known = ({ build }: { readonly build: Build }) => {
  const mayChange = useMay('operator');
  return (
    <div className={layout['page']}>
      <title>{`Build of ${build.recipe} · Drover`}</title>
      <div className={layout['stack']}>
        <Link to="/builds" className={layout['back']}>
          <Icon name="back" size={14} />
          Builds
        </Link>
        <div className={layout['head']}>
          <div className={layout['row']}>
            <h1>Build of {build.recipe}</h1>
            <StateDot look={jobLooks[build.state]} />
          </div>
          {mayChange && <Actions build={build} />}
        </div>
        {isUnfinished(build) && build.job !== null && <RunningJob id={build.job} />}
        <JobError error={build.error} />
      </div>
      <div className={layout['columns']}>
        {mayChange ? <Log key={build.id} build={build} /> : <Notice tone="info" title="The log is for operators." />}
        <div className={layout['stack']}>
          <Facts build={build} />
          <Files build={build} />
        </div>
      </div>
    </div>
  );
};

export const BuildPage = () => {
  const { id } = useParams({ from: '/builds/$id' });
  const build = useQuery(buildQuery(id));
  if (build.data !== undefined) return <Known build={build.data} />;
  return (
    <div className={layout['page']}>
      <title>Build · Drover</title>
      <h1>Build</h1>
      {build.isError ? (
        <ProblemNotice error={build.error} />
      ) : (
        <Progress label="Reading the build" done={0} total={null} />
      )}
    </div>
  );
};
