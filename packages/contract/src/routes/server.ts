import * as z from 'zod';
import { DoctorReport } from '../resources/doctor.js';
import { ServerStats } from '../resources/server-stats.js';
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
  getDoctor: {
    method: 'GET',
    path: '/doctor',
    tag: 'server',
    summary: 'What the server knows of its network, and what is wrong with it',
    role: 'reader',
    status: 200,
    answer: DoctorReport,
  },
  getServerStats: {
    method: 'GET',
    path: '/server/stats',
    tag: 'server',
    summary: 'How this server does, and its last hour: throughput, boots, jobs, memory; for keys of the installation',
    role: 'reader',
    query: z.object({
      /** Samples after this moment: `at` of the last one that is known. */
      after: z.coerce.number().int().min(0).default(0),
    }),
    status: 200,
    answer: ServerStats,
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
