import type { ProvisionRequest, ProvisionRequestState } from '@drover/contract';
import { textOption, type Action } from '../command.js';
import { connect } from '../connect.js';
import { gather, show, showList } from '../show.js';
import { agoText } from '../terminal/format.js';

export const list: Action = async (cli) => {
  const state = textOption(cli.options, 'state') as ProvisionRequestState | undefined;
  const requests = await gather(cli, connect(cli), 'listProvisionRequests', { query: { state } });
  const now = Date.now();
  showList(
    cli,
    requests,
    [
      { title: 'ID', value: ({ id }) => id },
      { title: 'STATE', value: stateText },
      { title: 'IMAGE', value: ({ image }) => image },
      { title: 'DEVICE', value: ({ device, wish }) => device ?? wish },
      { title: 'ASKED', value: ({ createdAt }) => agoText(createdAt, now) },
      { title: 'WAITS UNTIL', value: ({ state: each, waitsUntil }) => (each === 'waiting' ? waitsUntil : '') },
      { title: 'REASON', value: ({ reason }) => reason },
    ],
    'Nobody waits for a device.',
  );
};

const stateText = ({ state, position }: ProvisionRequest): string =>
  position === null ? state : `${state}, number ${position}`;

export const cancel: Action = async (cli, [id = '']) => {
  const request = await connect(cli).requests.cancel({ params: { id } }, { signal: cli.signal });
  show(cli, request, `${request.id} no longer waits.\n`);
};
