import type { AuditEntry } from '@drover/contract';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { client } from '../api/client.js';
import { Button } from '../ui/Button.js';
import { EmptyState } from '../ui/EmptyState.js';
import { TextField } from '../ui/Field.js';
import { countText } from '../ui/format.js';
import layout from '../ui/layout.module.css';
import list from '../ui/list-page.module.css';
import { ProblemNotice } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { StateDot } from '../ui/State.js';
import { Subject } from '../ui/subject.js';
import { Time } from '../ui/Time.js';
import { VirtualList } from '../ui/VirtualList.js';
import { filterAudit, operationText, wasRefused } from './audit-model.js';
import type { AuditSearch } from './search.js';
import styles from './access.module.css';

const page = 200;
const readMs = 15_000;
/** A search reads on by itself until it has that many, or nothing is left. */
const enough = 30;

const useAudit = () =>
  useInfiniteQuery({
    queryKey: ['audit', 'pages'],
    queryFn: ({ pageParam, signal }) => {
      const cursor = pageParam === undefined ? {} : { cursor: pageParam };
      return client.audit.list({ query: { limit: page, ...cursor } }, { signal });
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
    // What was done is not told by the event log: looked at now and then, as long as only the newest page is there.
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) > 1 ? false : readMs),
  });

const Entry = ({ entry }: { readonly entry: AuditEntry }) => {
  const { keyName, operation, subject, outcome, address } = entry;
  const isRefused = wasRefused(entry);
  return (
    <div className={list['entry']}>
      <span className={list['at']}>
        <Time at={entry.at} />
      </span>
      <span className={list['what']}>
        <span className={layout['row']}>
          <strong>{keyName}</strong>
          <span>{operationText(operation)}</span>
          {subject !== null && <Subject id={subject} />}
        </span>
        <span className={list['detail']}>
          <code>{operation}</code> from {address}
        </span>
      </span>
      <StateDot
        look={
          isRefused ? { tone: 'bad', form: 'cross', label: outcome } : { tone: 'plain', form: 'full', label: 'done' }
        }
      />
    </div>
  );
};

const writeMs = 250;

const Filters = ({ search }: { readonly search: AuditSearch }) => {
  const navigate = useNavigate();
  const [text, setText] = useState(search.q ?? '');
  const { refused } = search;
  useEffect(() => {
    if (text === (search.q ?? '')) return undefined;
    const timer = setTimeout(() => {
      const next = { ...(text === '' ? {} : { q: text }), ...(refused === undefined ? {} : { refused }) };
      void navigate({ to: '/audit', search: next, replace: true });
    }, writeMs);
    return () => {
      clearTimeout(timer);
    };
  }, [text, search.q, refused, navigate]);
  return (
    <div className={list['filters']}>
      <TextField
        label="Search"
        type="search"
        placeholder="key, operation, id, address"
        maxLength={100}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
        }}
      />
      <label className={styles['check']}>
        <input
          type="checkbox"
          checked={refused === true}
          onChange={({ target }) => {
            const rest = search.q === undefined ? {} : { q: search.q };
            void navigate({ to: '/audit', search: target.checked ? { ...rest, refused: true } : rest, replace: true });
          }}
        />
        Only what was refused
      </label>
    </div>
  );
};

export const AuditPage = () => {
  const search = useSearch({ from: '/audit' });
  const audit = useAudit();
  const all = useMemo(() => audit.data?.pages.flatMap(({ items }) => items) ?? [], [audit.data]);
  const shown = useMemo(() => filterAudit(all, search), [all, search]);
  const { fetchNextPage, hasNextPage, isFetchingNextPage } = audit;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [fetchNextPage, hasNextPage, isFetchingNextPage]);
  useEffect(() => {
    if (shown.length < enough) more();
  }, [shown.length, more]);
  return (
    <div className={list['page']}>
      <title>Audit · Drover</title>
      <div>
        <h1>Audit</h1>
        <p className={layout['muted']}>Who did what, and what was refused.</p>
      </div>
      <Filters search={search} />
      {audit.isError && (
        <>
          <ProblemNotice error={audit.error} />
          <div>
            <Button onClick={() => void audit.refetch()}>Try again</Button>
          </div>
        </>
      )}
      {audit.isPending && <Progress label="Reading the audit trail" done={0} total={null} />}
      {audit.isSuccess && shown.length === 0 && !hasNextPage && (
        <EmptyState icon="audit" title="No such entry">
          {countText(all.length, 'entry was', 'entries were')} looked through.
        </EmptyState>
      )}
      {shown.length > 0 && (
        <VirtualList
          label="Audit trail, newest first"
          count={shown.length}
          estimate={58}
          keyOf={(index) => shown[index]?.seq ?? index}
          renderItem={(index) => {
            const entry = shown[index];
            return entry === undefined ? null : <Entry entry={entry} />;
          }}
          onEnd={more}
          footer={isFetchingNextPage ? 'Reading older ones …' : hasNextPage ? '' : 'There are no older ones.'}
        />
      )}
    </div>
  );
};
