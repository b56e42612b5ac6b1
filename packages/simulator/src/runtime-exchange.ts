/** The one-use secret of the command line becomes a credential of this session, as device/lib/exchange.sh does it. */
import { ExchangeAnswer } from '@drover/contract';
import { reasonOf, valuesOf, type DeviceAnswer } from './device-http.js';
import type { OsBoard } from './os-stage.js';
import { backOff, fail, isRefusal, sessionPath, type RuntimeRun } from './runtime-run.js';

/** What `uname -r` says on a board without a kernel. */
export const kernelRelease = 'simulated';

/** Longest wait for a root that is being made, in seconds: xz of a large image takes a server half an hour. */
const rootLimit = 7200;
const refusedDelay = 60;

const createNonce = ({ random }: OsBoard): string =>
  [0, 1, 2, 3].map(() => random.uint32().toString(16).padStart(8, '0')).join('');

const post = (run: RuntimeRun, nonce: string): Promise<DeviceAnswer> => {
  const { secret } = run.parameters;
  const { mac, serial } = run.board.identity;
  return run.http.ask({
    ...{ method: 'POST', path: sessionPath(run, 'exchange'), authorization: run.authorization },
    type: 'application/x-www-form-urlencoded',
    body: new URLSearchParams({ secret, nonce, mac, serial, release: kernelRelease }).toString(),
  });
};

/** The server said 503: the root is being made, or a part of the server is away. Chance keeps a hundred boards apart. */
const waitAsTold = async ({ board }: RuntimeRun, { retryAfter }: DeviceAnswer): Promise<void> => {
  const told = /^\d{1,3}$/.test(retryAfter) && Number(retryAfter) <= 300 ? Number(retryAfter) : 5;
  await board.clock.sleep((told + board.random.between(0, 2)) * 1000, board.signal);
};

const tellWait = async ({ board, reports }: RuntimeRun, why: string): Promise<void> => {
  const message = `waiting for the root to be made (${why})`;
  board.say(`exchange: ${message}`);
  await reports.report('exchange', 'progress', message);
};

/** The same nonce in every attempt, so that an answer lost on the way can be asked for again. */
const askUntilGranted = async (run: RuntimeRun): Promise<DeviceAnswer> => {
  const nonce = createNonce(run.board);
  const { patience } = run.parameters;
  const rootUntil = run.uptime() + rootLimit;
  let until = run.uptime() + patience;
  let said = '';
  let attempt = 0;
  for (;;) {
    const answer = await post(run, nonce);
    if (answer.status === 200) return answer;
    const why = reasonOf(answer);
    if (answer.status === 503) {
      if (run.uptime() >= rootUntil) fail(run, `the root was not ready in ${rootLimit} s`);
      if (why !== said) await tellWait(run, why);
      said = why;
      await waitAsTold(run, answer);
      until = run.uptime() + patience;
      continue;
    }
    if (isRefusal(answer)) {
      run.restartDelay = refusedDelay;
      fail(run, `the server refuses this boot: ${why}`);
    }
    if (run.uptime() >= until) fail(run, `the exchange failed: ${why} (tried ${patience} s)`);
    attempt += 1;
    await backOff(run.board)(attempt, 16);
  }
};

/** Reads the answer's lines as the contract has them. */
const grantOf = (run: RuntimeRun, answer: DeviceAnswer): ExchangeAnswer => {
  const values = valuesOf(answer);
  const numbers = { time: Number(values['time'] ?? NaN), rootSize: Number(values['rootSize'] ?? NaN) };
  const read = ExchangeAnswer.safeParse({ ...values, ...numbers });
  if (read.success) return read.data;
  const fields = read.error.issues.map(({ path }) => path.join('.')).join(', ');
  return fail(run, `the server's answer has no usable ${fields}`);
};

/** @throws PlayEnd when the server refuses, or says nothing for too long. */
export const exchangeSecret = async (run: RuntimeRun): Promise<ExchangeAnswer> => {
  const grant = grantOf(run, await askUntilGranted(run));
  if (run.faults.reuseSecret === true) {
    const again = await post(run, createNonce(run.board));
    run.board.say(`the secret again, with another nonce: ${reasonOf(again)}`);
  }
  run.authorization = `Bearer ${grant.credential}`;
  return grant;
};
