import * as z from 'zod';
import { Principal } from '../resources/tenancy.js';
import type { Route } from './route.js';

const server = z.object({ name: z.literal('drover'), version: z.string(), time: z.string() });

export const serverRoutes = {
  getServer: {
    method: 'GET',
    path: '/server',
    tag: 'server',
    summary: 'Name, version and clock of the server',
    role: 'reader',
    status: 200,
    answer: server,
  },
  whoAmI: {
    method: 'GET',
    path: '/me',
    tag: 'server',
    summary: 'Which key this is and what it may do',
    role: 'device',
    status: 200,
    answer: Principal,
  },
} as const satisfies Record<string, Route>;
