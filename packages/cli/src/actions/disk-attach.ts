import type { Action } from '../command.js';
import { connect } from '../connect.js';
import { showWorked } from './disk.js';

export const attach: Action = async (cli, [ref = '', device = '']) => {
  const access = cli.options['readOnly'] === true ? 'read-only' : 'read-write';
  const call = { params: { ref }, body: { device, access } } as const;
  await showWorked(cli, await connect(cli).disks.attach(call, { signal: cli.signal }));
};

export const detach: Action = async (cli, [ref = '', device]) => {
  const body = { ...(device === undefined ? {} : { device }), force: cli.options['force'] === true };
  await showWorked(cli, await connect(cli).disks.detach({ params: { ref }, body }, { signal: cli.signal }));
};
