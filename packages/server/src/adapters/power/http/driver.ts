import { readFile } from 'node:fs/promises';
import { neededNames } from '../../../domain/power-template.js';
import type { PowerDriver, PowerTarget } from '../../../app/power/ports.js';
import { PowerFault, powerDriver, words } from '../driver.js';
import type { HttpSettings, RequestTemplate } from '../settings.js';
import { holds } from './condition.js';
import { filledBody, filledHeader, filledUrl, partsOf } from './fill.js';
import type { AddressGuard } from './exchange.js';
import { accessOf, type Access } from './login.js';
import { presets, type Preset } from './presets.js';

/** The settings were checked: without a preset both orders are there. */
const requestsOf = ({ preset, url, on, off, query }: HttpSettings): Preset => {
  const base = preset && presets[preset](url ?? 'http://{{address}}');
  const [toOn, toOff] = [on ?? base?.on, off ?? base?.off];
  if (toOn === undefined || toOff === undefined) throw new Error('a driver of kind http says how to switch on and off');
  return { on: toOn, off: toOff, query: query ?? base?.query, auth: base?.auth ?? 'basic' };
};

const textsOf = ({ url, headers, body }: RequestTemplate): string[] => [url, ...Object.values(headers), body ?? ''];

const readCa = async (path: string | undefined): Promise<string | undefined> => {
  try {
    return path === undefined ? undefined : await readFile(path, 'utf8');
  } catch (fault) {
    throw new PowerFault(`its authority cannot be read: ${(fault as Error).message}`, 'Mend ca of the driver.');
  }
};

const headersOf = ({ headers }: RequestTemplate, target: PowerTarget): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, filledHeader(text, target)]));

const statusFault = (host: string, status: number, said: string): PowerFault => {
  if (status >= 300 && status < 400)
    return new PowerFault(
      `${host} sends us elsewhere (${status}), where we do not go`,
      'Write the address it leads to.',
    );
  const remedy = status === 401 || status === 403 ? 'Look at username, password or token of the driver.' : undefined;
  return new PowerFault(`${host} answered ${status}${said === '' ? '' : `: ${said}`}`, remedy);
};

/** Whether a board's values say which host is asked. */
const hostIsGiven = (url: string): boolean => /^https?:\/\/[^/?#]*\{\{/.test(url);

interface Way {
  readonly access: Access;
  readonly ca: string | undefined;
  /** For hosts that boards' values say. */
  readonly guard: AddressGuard | undefined;
}

interface Told {
  readonly host: string;
  readonly body: string;
  /** The body, as it may be shown. */
  readonly said: string;
}

async function tell(
  template: RequestTemplate,
  target: PowerTarget,
  { access, ca, guard }: Way,
  signal: AbortSignal,
): Promise<Told> {
  const url = filledUrl(template.url, target);
  const headers = headersOf(template, target);
  const type = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1];
  const body = template.body === undefined ? undefined : filledBody(template.body, type, target);
  const answer = await access.ask({
    method: template.method,
    url,
    headers: { ...(body === undefined || type !== undefined ? {} : { 'Content-Type': body.type }), ...headers },
    body: body?.text,
    ca: await readCa(ca),
    guard: hostIsGiven(template.url) ? guard : undefined,
    signal,
  });
  const said = words(access.hide(answer.body));
  if (answer.status < 200 || answer.status > 299) throw statusFault(url.host, answer.status, said);
  return { host: url.host, body: answer.body, said };
}

/** Requests made of templates, whose values are written as the place they stand in has them. */
export const httpDriver = (name: string, settings: HttpSettings, guard: AddressGuard): PowerDriver => {
  const { on, off, query, auth } = requestsOf(settings);
  const way = { access: accessOf(settings, auth), ca: settings.ca, guard: settings.localAddresses ? undefined : guard };
  return powerDriver(name, {
    kind: 'http',
    needs: neededNames([on, off, ...(query === undefined ? [] : [query])].flatMap(textsOf).map(partsOf)),
    set: async (target, to, signal) => {
      const order = to === 'on' ? on : off;
      const { host, body, said } = await tell(order, target, way, signal);
      if (order.expect !== undefined && !holds(order.expect, body))
        throw new PowerFault(`${host} answered something else than it should${said === '' ? '' : `: ${said}`}`);
    },
    read:
      query &&
      (async (target, signal) => {
        const { host, body, said } = await tell(query, target, way, signal);
        const [isOn, isOff] = [holds(query.on, body), holds(query.off, body)];
        if (isOn === isOff)
          throw new PowerFault(
            `${host} says ${isOn ? 'both on and off' : 'neither on nor off'}${said === '' ? '' : `: ${said}`}`,
          );
        return isOn ? 'on' : 'off';
      }),
  });
};
