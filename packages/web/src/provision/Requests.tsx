import type { ProvisionRequest, ProvisionRequestState } from '@drover/contract';
import { queryOptions, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { client } from '../api/client.js';
import { queryClient } from '../api/queries.js';
import { useMay } from '../session/principal.js';
import { Button, buttonClass } from '../ui/Button.js';
import { countText } from '../ui/format.js';
import { Notice, ProblemNotice, textOfError } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { StateDot } from '../ui/State.js';
import { Subject } from '../ui/subject.js';
import { Time } from '../ui/Time.js';
import { useToast } from '../ui/Toast.js';
import layout from '../ui/layout.module.css';
import styles from './provision.module.css';

const looks = {
  waiting: { tone: 'info', form: 'half', label: 'Waits' },
  granted: { tone: 'ok', form: 'full', label: 'Has its board' },
  'timed-out': { tone: 'warn', form: 'triangle', label: 'Waited in vain' },
  cancelled: { tone: 'plain', form: 'ring', label: 'Cancelled' },
  refused: { tone: 'bad', form: 'cross', label: 'Refused' },
} as const satisfies Record<ProvisionRequestState, { tone: string; form: string; label: string }>;

const requestOf = (id: string) =>
  queryOptions({
    queryKey: ['requests', id],
    queryFn: ({ signal }) => client.requests.get({ params: { id } }, { signal }),
  });

const waiting = queryOptions({
  queryKey: ['requests', 'waiting'],
  queryFn: async ({ signal }) =>
    (await client.requests.list({ query: { state: 'waiting', limit: 100 } }, { signal })).items,
});

const CancelButton = ({ request }: { readonly request: ProvisionRequest }) => {
  const may = useMay('operator');
  const [isBusy, setBusy] = useState(false);
  const say = useToast();
  const cancel = async (): Promise<void> => {
    setBusy(true);
    try {
      await client.requests.cancel({ params: { id: request.id } });
    } catch (error) {
      say(textOfError(error), 'bad');
    }
    setBusy(false);
    void queryClient.invalidateQueries({ queryKey: ['requests'] });
  };
  if (!may || request.state !== 'waiting') return null;
  return (
    <Button small busy={isBusy} aria-label={`Stop waiting for ${request.wish}`} onClick={() => void cancel()}>
      Stop waiting
    </Button>
  );
};

const placeText = ({ position }: ProvisionRequest): string =>
  position === null ? '' : position === 1 ? 'Next in the queue' : `Number ${position} in the queue`;

const Facts = ({ request }: { readonly request: ProvisionRequest }) => (
  <dl className={layout['facts']}>
    <dt>{request.device === null ? 'Any board' : 'Board'}</dt>
    <dd>{request.device === null ? request.wish : <Subject id={request.device} />}</dd>
    <dt>Image</dt>
    <dd>{request.image}</dd>
    <dt>Asked</dt>
    <dd>
      <Time at={request.createdAt} />
    </dd>
    {request.state === 'waiting' && (
      <>
        <dt>Gives up</dt>
        <dd>
          <Time at={request.waitsUntil} />
        </dd>
      </>
    )}
  </dl>
);

/** One request for a board: its place in the queue as it moves, and the board when it is there. */
export const RequestPanel = ({ id }: { readonly id: string }) => {
  const { data: request, isError, error } = useQuery(requestOf(id));
  if (isError) return <ProblemNotice error={error} />;
  if (request === undefined) return <Progress label="Reading the request" done={0} total={null} />;
  return (
    <section className={layout['panel']} aria-label="Request for a board">
      <div className={layout['head']}>
        <div role="status" className={layout['row']}>
          <StateDot look={looks[request.state]} />
          <strong>{placeText(request)}</strong>
        </div>
        <CancelButton request={request} />
      </div>
      {request.reason !== null && (
        <Notice tone={request.state === 'waiting' ? 'info' : 'warn'} title={request.reason} />
      )}
      <Facts request={request} />
      <div className={layout['actions']}>
        {request.device !== null && (
          <Link to="/devices/$ref" params={{ ref: request.device }} className={buttonClass('primary')}>
            To the board
          </Link>
        )}
        <Link to="/provision" className={buttonClass()}>
          Ask for another
        </Link>
      </div>
      {request.state === 'waiting' && (
        <p className={layout['small']}>You need not stay here: the address of this page is that of the request.</p>
      )}
    </section>
  );
};

/** Who waits for a board; nothing where nobody does. */
export const Requests = () => {
  const { data = [] } = useQuery(waiting);
  if (data.length === 0) return null;
  return (
    <details className={layout['panel']}>
      <summary>{countText(data.length, 'request')} waiting for a board</summary>
      <ul className={styles['requests']} aria-label="Waiting">
        {data.map((request) => (
          <li key={request.id} className={layout['head']}>
            <span>
              <Link to="/provision" search={{ request: request.id }}>
                {request.wish}
              </Link>{' '}
              <span className={layout['small']}>
                {placeText(request)} · {request.image} · asked <Time at={request.createdAt} />
              </span>
            </span>
            <CancelButton request={request} />
          </li>
        ))}
      </ul>
    </details>
  );
};
