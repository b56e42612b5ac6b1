import * as z from 'zod';
import { CpiFailure } from './failure.js';
import { parse } from './parse.js';

const Connection = z.looseObject({
  /** `http://drover.example:8080`. */
  url: z.url({ protocol: /^https?$/, error: 'is not an http:// or https:// address' }),
  /** API key with role operator. */
  key: z.string().min(1).max(255),
});

/** What every agent is told, unless `env.bosh` of its VM says otherwise. */
const Agent = z.looseObject({
  mbus: z.string().default(''),
  ntp: z.array(z.string()).default([]),
  blobstore: z.looseObject({ provider: z.string(), options: z.record(z.string(), z.unknown()).default({}) }).optional(),
});
export type AgentDefaults = z.infer<typeof Agent>;

export const CpiSettings = z.looseObject({
  drover: Connection,
  agent: Agent.default({ mbus: '', ntp: [] }),
  /** Seconds that create_vm has. A board whose CPI died on the way is given back after as many. At least 60: the least time of a lease. */
  create_vm_seconds: z.number().int().min(60).max(86_400).default(1800),
});
export type CpiSettings = z.infer<typeof CpiSettings>;

type Source = Readonly<Record<string, unknown>>;

/** The address as a client of Bakery has it: `http://drover:8080/k/KEY/api/v1`. */
const bakeryUrl = /^(https?:\/\/[^/]+)(?:\/k\/([^/]+))?\/api\/v1\/?$/;

/** Settings in a context of the old CPI, which has `url` alone. The key may be in it. */
const ofBakery = (context: Source): Source | undefined => {
  const [, url, key] = typeof context['url'] === 'string' ? (bakeryUrl.exec(context['url']) ?? []) : [];
  return url === undefined ? undefined : { url, ...(key === undefined ? {} : { key: decodeURIComponent(key) }) };
};

const originOf = (source: unknown): string | undefined => {
  const url = (source as Source | undefined)?.['url'];
  return typeof url === 'string' && URL.canParse(url) ? new URL(url).origin : undefined;
};

/**
 * Settings of a call: each section of the context (CPI config of a director with several CPIs) goes before that of the file. The key of the file is sent
 * to the file's own server only.
 */
export const settingsOf = (context: Source, file: Source | undefined): CpiSettings => {
  const known = file?.['drover'] as Source | undefined;
  const named = (context['drover'] as Source | undefined) ?? ofBakery(context);
  const drover =
    named === undefined || named['key'] !== undefined || originOf(named) !== originOf(known)
      ? (named ?? known)
      : { ...named, key: known?.['key'] };
  if (drover === undefined)
    throw new CpiFailure(
      'CpiError',
      'Nothing says which Drover server to use: give drover.url and drover.key in the properties of the CPI config, or in the file of --config.',
    );
  const { agent, create_vm_seconds: seconds } = { ...file, ...context };
  const said = {
    drover,
    ...(agent === undefined ? {} : { agent }),
    ...(seconds === undefined ? {} : { create_vm_seconds: seconds }),
  };
  return parse(CpiSettings, said, 'settings');
};
