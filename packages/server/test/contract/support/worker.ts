import { createSqlStore } from '../../../src/adapters/sql/index.js';
import { createJobRunner } from '../../../src/app/jobs/runner.js';
import { countingJob } from './counting-job.js';
import { createTestLog, systemClock, testIds } from './world.js';

// A server that works off jobs and is to be killed.

interface Settings {
  readonly location: { readonly file: string } | { readonly url: string; readonly schema: string };
  readonly owner: string;
}

const settings = JSON.parse(process.argv[2] ?? '') as Settings;
const log = createTestLog();
const store = await createSqlStore({ ...settings.location, log });
const deps = { store, clock: systemClock, ids: testIds, log, concurrency: 1, owner: settings.owner };
const runner = createJobRunner({ ...deps, handlers: [countingJob(store)] });
await runner.start(new AbortController().signal);
process.stdout.write('ready 0\n');
setInterval(() => undefined, 1000);
