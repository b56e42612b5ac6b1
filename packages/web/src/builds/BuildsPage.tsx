import { jobStates, type Build } from '@drover/contract';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { jobLooks, tookText } from '../jobs/model.js';
import { useMay } from '../session/principal.js';
import { Button } from '../ui/Button.js';
import { EmptyState } from '../ui/EmptyState.js';
import { SelectField, TextField } from '../ui/Field.js';
import layout from '../ui/layout.module.css';
import list from '../ui/list-page.module.css';
import { ProblemNotice } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { Badge, StateDot } from '../ui/State.js';
import { Time, useNow } from '../ui/Time.js';
import { VirtualList } from '../ui/VirtualList.js';
import { sourceText, whoText } from './model.js';
import { buildsQuery } from './queries.js';
import { readBuildsSearch, type BuildsSearch } from './search.js';
import { StartBuildDialog } from './StartBuildDialog.js';
import styles from './builds.module.css';

const BuildRow = ({ build }: { readonly build: Build }) => {
  const took = tookText(build, useNow());
  return (
    <div className={styles['build']}>
      <StateDot look={jobLooks[build.state]} />
      <div className={list['what']}>
        <span className={layout['row']}>
          <Link to="/builds/$id" params={{ id: build.id }} className={styles['name']}>
            {build.recipe}
          </Link>
          {build.image !== null && (
            <Link to="/images/$ref" params={{ ref: build.image }}>
              {build.image}
            </Link>
          )}
          {build.unchanged && <Badge>unchanged</Badge>}
          {build.pinned && <Badge>pinned</Badge>}
          {build.publish && <Badge>published</Badge>}
        </span>
        <span className={list['detail']}>
          {build.error === null ? `${sourceText(build)} · asked for ${whoText(build)}` : build.error.detail}
        </span>
      </div>
      <span className={styles['when']}>
        <Time at={build.createdAt} />
        <span>{took === undefined ? 'not begun yet' : `took ${took}`}</span>
      </span>
    </div>
  );
};

const Filters = ({ search, go }: { readonly search: BuildsSearch; readonly go: (next: BuildsSearch) => void }) => {
  const [recipe, setRecipe] = useState(search.recipe ?? '');
  return (
    <form
      className={list['filters']}
      onSubmit={(event) => {
        event.preventDefault();
        go(readBuildsSearch({ ...search, recipe: recipe.trim() }));
      }}
    >
      <SelectField
        label="State"
        value={search.state ?? ''}
        options={[
          { value: '', label: 'Every state' },
          ...jobStates.map((value) => ({ value, label: jobLooks[value].label })),
        ]}
        onChange={(event) => {
          go(readBuildsSearch({ ...search, state: event.target.value }));
        }}
      />
      <TextField
        label="Recipe"
        type="search"
        placeholder="base"
        value={recipe}
        onChange={(event) => {
          setRecipe(event.target.value);
        }}
      />
      <Button type="submit">Show</Button>
    </form>
  );
};

export const BuildsPage = () => {
  const search = useSearch({ from: '/builds' });
  const navigate = useNavigate();
  const mayBuild = useMay('admin');
  const [isStarting, setStarting] = useState(false);
  const builds = useInfiniteQuery(buildsQuery(search));
  const all = useMemo(() => builds.data?.pages.flatMap(({ items }) => items) ?? [], [builds.data]);
  const { fetchNextPage, hasNextPage, isFetchingNextPage } = builds;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [fetchNextPage, hasNextPage, isFetchingNextPage]);
  const isFiltered = search.state !== undefined || search.recipe !== undefined;
  const start = (
    <Button
      kind="primary"
      onClick={() => {
        setStarting(true);
      }}
    >
      Build an image
    </Button>
  );
  return (
    <div className={list['page']}>
      <title>Builds · Drover</title>
      <div className={layout['head']}>
        <div>
          <h1>Builds</h1>
          <p className={layout['muted']}>Images that this server makes from recipes.</p>
        </div>
        {mayBuild && start}
      </div>
      <Filters
        key={search.recipe ?? ''}
        search={search}
        go={(next) => void navigate({ to: '/builds', search: next, replace: true })}
      />
      {builds.isError && <ProblemNotice error={builds.error} />}
      {builds.isPending && <Progress label="Reading the builds" done={0} total={null} />}
      {builds.isSuccess && all.length === 0 && (
        <EmptyState icon="build" title={isFiltered ? 'No such build' : 'Nothing was built yet'}>
          A recipe says what is in an image; the server builds it, and boards boot it.
        </EmptyState>
      )}
      {all.length > 0 && (
        <VirtualList
          label="Builds, newest first"
          count={all.length}
          estimate={60}
          keyOf={(index) => all[index]?.id ?? index}
          renderItem={(index) => {
            const build = all[index];
            return build === undefined ? null : <BuildRow build={build} />;
          }}
          onEnd={more}
          footer={isFetchingNextPage ? 'Reading older ones …' : hasNextPage ? '' : 'There are no older ones.'}
        />
      )}
      {isStarting && (
        <StartBuildDialog
          onClose={() => {
            setStarting(false);
          }}
          onStarted={({ id }) => void navigate({ to: '/builds/$id', params: { id } })}
        />
      )}
    </div>
  );
};
