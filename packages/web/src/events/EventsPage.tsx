import { eventTypes, type DomainEvent } from '@drover/contract';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo, useRef, useState } from 'react';
import { useConnection } from '../live/hooks.js';
import { Button } from '../ui/Button.js';
import { EmptyState } from '../ui/EmptyState.js';
import { SelectField, TextField } from '../ui/Field.js';
import { countText } from '../ui/format.js';
import { Icon } from '../ui/Icon.js';
import layout from '../ui/layout.module.css';
import list from '../ui/list-page.module.css';
import { ProblemNotice } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { StateDot } from '../ui/State.js';
import { Subject } from '../ui/subject.js';
import { Time } from '../ui/Time.js';
import { VirtualList } from '../ui/VirtualList.js';
import type { EventsSearch } from './search.js';
import { useEvents } from './use-events.js';
import { eventText, idsOf, typeTitle } from './words.js';

const forms = { ok: 'full', bad: 'cross', plain: 'ring' } as const;

const EventRow = ({ event }: { readonly event: DomainEvent }) => {
  const { title, detail, tone } = eventText(event);
  return (
    <div className={list['entry']}>
      <span className={list['at']}>
        <Time at={event.at} />
      </span>
      <span className={list['what']}>
        <span className={layout['row']}>
          <StateDot look={{ tone, form: forms[tone], label: title }} />
          {idsOf(event).map((id) => (
            <Subject key={id} id={id} />
          ))}
        </span>
        {detail !== undefined && <span className={list['detail']}>{detail}</span>}
      </span>
      <code className={list['type']}>{event.type}</code>
    </div>
  );
};

const types = [
  { value: '', label: 'Every type' },
  ...eventTypes
    .filter((type) => type !== 'job.progress')
    .map((type) => ({ value: type, label: `${typeTitle(type)} (${type})` })),
];

const Filters = ({ search }: { readonly search: EventsSearch }) => {
  const navigate = useNavigate();
  const [about, setAbout] = useState(search.about ?? '');
  const go = (next: EventsSearch): void => void navigate({ to: '/events', search: next, replace: true });
  return (
    <form
      className={list['filters']}
      onSubmit={(event) => {
        event.preventDefault();
        const { type } = search;
        go({ ...(type === undefined ? {} : { type }), ...(about.trim() === '' ? {} : { about: about.trim() }) });
      }}
    >
      <SelectField
        label="Type"
        value={search.type ?? ''}
        options={types}
        onChange={(event) => {
          const type = eventTypes.find((each) => each === event.target.value);
          go({
            ...(type === undefined ? {} : { type }),
            ...(search.about === undefined ? {} : { about: search.about }),
          });
        }}
      />
      <TextField
        label="About the id"
        type="search"
        placeholder="dev_…, img_…, job_…"
        maxLength={64}
        value={about}
        onChange={(event) => {
          setAbout(event.target.value);
        }}
      />
      <Button type="submit">Show</Button>
      {(search.type !== undefined || search.about !== undefined) && (
        <Button
          kind="quiet"
          onClick={() => {
            setAbout('');
            go({});
          }}
        >
          Show all
        </Button>
      )}
    </form>
  );
};

/** Shows what came while somebody reads further down only when it is asked for: what is read does not move away. */
const useHeldBack = (events: readonly DomainEvent[]) => {
  const [isAway, setAway] = useState(false);
  const [top, setTop] = useState<number | null>(null);
  const newest = events[0]?.id ?? null;
  if (!isAway && top !== newest) setTop(newest);
  const held = useMemo(() => {
    if (!isAway || top === null) return 0;
    const at = events.findIndex(({ id }) => id === top);
    return Math.max(at, 0);
  }, [events, isAway, top]);
  return { held, shown: held === 0 ? events : events.slice(held), setAway };
};

export const EventsPage = () => {
  const search = useSearch({ from: '/events' });
  const { events, more, log } = useEvents(search);
  const { held, shown, setAway } = useHeldBack(events);
  const connection = useConnection();
  const isFiltered = search.type !== undefined || search.about !== undefined;
  const scroller = useRef<HTMLDivElement>(null);
  return (
    <div className={list['page']}>
      <title>Events · Drover</title>
      <div className={layout['head']}>
        <h1>Events</h1>
        <StateDot
          look={
            connection === 'open'
              ? { tone: 'ok', form: 'full', label: 'Live' }
              : { tone: 'warn', form: 'triangle', label: 'Not live' }
          }
        />
      </div>
      <Filters key={search.about ?? ''} search={search} />
      {log.isError && <ProblemNotice error={log.error} />}
      {log.isPending && <Progress label="Reading the events" done={0} total={null} />}
      {log.isSuccess && events.length === 0 && (
        <EmptyState icon="events" title={isFiltered ? 'No such event' : 'Nothing has happened yet'}>
          {isFiltered
            ? 'The log keeps what happened for a while; older events are gone.'
            : 'Boards, images, disks and people will be heard of here as things happen.'}
        </EmptyState>
      )}
      {held > 0 && (
        <div className={list['news']} role="status">
          <Button
            small
            onClick={() => {
              setAway(false);
              scroller.current?.scrollTo({ top: 0 });
            }}
          >
            <Icon name="upload" size={14} /> {countText(held, 'new event')}
          </Button>
        </div>
      )}
      {shown.length > 0 && (
        <VirtualList
          label="Events, newest first"
          count={shown.length}
          estimate={52}
          keyOf={(index) => shown[index]?.id ?? index}
          renderItem={(index) => {
            const event = shown[index];
            return event === undefined ? null : <EventRow event={event} />;
          }}
          onEnd={more}
          onAway={setAway}
          scroller={scroller}
          footer={log.isFetchingNextPage ? 'Reading older ones …' : log.hasNextPage ? '' : 'There are no older ones.'}
        />
      )}
    </div>
  );
};
