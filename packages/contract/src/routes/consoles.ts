import * as z from 'zod';
import { ConsoleInput } from '../resources/console.js';
import { byRef, none, type Route } from './route.js';

export const consolesRoutes = {
  watchConsole: {
    method: 'GET',
    path: '/devices/{ref}/console',
    tag: 'devices',
    summary:
      'The serial console of a device: the last of what it showed, and, unless follow=false, what it shows from now on',
    role: 'operator',
    params: byRef,
    query: z.object({ follow: z.stringbool().default(true) }),
    status: 200,
    answer: none,
    streams: 'answer-text',
  },
  writeConsole: {
    method: 'POST',
    path: '/devices/{ref}/console/input',
    tag: 'devices',
    summary: 'Type on the serial console of a device',
    role: 'operator',
    params: byRef,
    body: ConsoleInput,
    status: 204,
    answer: none,
  },
} as const satisfies Record<string, Route>;
