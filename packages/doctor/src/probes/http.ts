import { deviceApiBase, withTimeLimit, type Observation, type ProbeOutcome } from '@drover/contract';
import { codeOf, done, timestamp, type Probed, type ProbeContext } from './probe.js';

const named = { name: 'http', title: 'What boards fetch over HTTP' };
const limitMs = 3_000;

/** How a failed request over TCP or HTTP is to be called. */
export const outcomeOfError = (error: unknown): { readonly outcome: ProbeOutcome; readonly detail: string } => {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = codeOf(cause);
  if (code === 'ECONNREFUSED') return { outcome: 'refused', detail: '' };
  if (['ENOTFOUND', 'EAI_AGAIN'].includes(code)) return { outcome: 'silent', detail: 'the name is not known here' };
  if (['EHOSTUNREACH', 'ENETUNREACH'].includes(code)) return { outcome: 'silent', detail: 'no way leads there' };
  if (['ECONNRESET', 'UND_ERR_SOCKET', 'HPE_INVALID_CONSTANT'].includes(code))
    return { outcome: 'wrong', detail: code };
  return { outcome: 'silent', detail: '' };
};

/** The server's clock beside ours, from a question that took from `sentAt` to `now`. */
export const clockOf = (url: string, serverMs: number, sentAt: number, context: ProbeContext): Observation => {
  const here = Math.round((sentAt + context.now()) / 2);
  return {
    ...{ kind: 'clock', at: timestamp(context), by: `the clock at ${url}`, url },
    ...{
      server: new Date(serverMs).toISOString(),
      here: new Date(here).toISOString(),
      skewMs: Math.round(serverMs - here),
    },
  };
};

/** The boot plane's HTTP, asked as a board's initramfs does: for the time (contract/device-api). */
export const probeBootHttp = async (server: string, port: number, context: ProbeContext): Promise<Probed> => {
  const url = `http://${server}:${port}`;
  const common = { kind: 'http', service: 'boot', url, at: timestamp(context), by: `HTTP to ${server}` } as const;
  const sentAt = context.now();
  try {
    const signal = withTimeLimit(context.signal, limitMs);
    const answer = await fetch(`${url}${deviceApiBase}/time`, { signal, redirect: 'manual' });
    const seconds = /^(?:.*\n)*time=(\d{1,12})$/m.exec(await answer.text())?.[1];
    if (!answer.ok || seconds === undefined) {
      return done(named, [{ ...common, outcome: 'wrong', detail: `status ${answer.status}` }]);
    }
    return done(named, [{ ...common, outcome: 'ok' }, clockOf(url, Number(seconds) * 1000 + 500, sentAt, context)]);
  } catch (error) {
    return done(named, [{ ...common, ...outcomeOfError(error) }]);
  }
};
