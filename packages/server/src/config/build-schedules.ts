import * as z from 'zod';
import { Name } from '@drover/contract';
import { weekdays } from '../domain/build-schedule.js';
import { whole } from './values.js';

/** One element of `builds.schedules`. */
export const buildSchedule = z.strictObject({
  name: Name,
  at: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'is not a time of day like 02:30, in quotes'),
  /** None: every day. */
  days: z.array(z.enum(weekdays)).default([]),
  recipes: z.array(Name).min(1, 'names no recipe'),
  release: z.boolean().default(true),
  publish: z.boolean().default(true),
  /** Builds of each recipe that succeeded. */
  keep: whole(1, 1000).default(7),
});
