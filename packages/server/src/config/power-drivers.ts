import * as z from 'zod';
import { Name, parsePath } from '@drover/contract';
import { nearest } from '@drover/documents';
import { fillTemplate, parseTemplate } from '../domain/power-template.js';
import { whole } from './values.js';

/** A map that knows its keys: a record of drivers has none that the list of settings could name. */
const section = <Shape extends z.core.$ZodShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined;
      const known = Object.keys(shape);
      const guess = nearest(issue.keys[0] ?? '', known);
      return guess === undefined ? `Known here: ${known.join(', ')}.` : `Did you mean ${guess}?`;
    },
  });

const AbsolutePath = z.string().startsWith('/', 'is not an absolute path');

/** What every kind has. */
const limits = {
  concurrency: whole(1, 1000).default(4),
  staggerMs: whole(0, 600_000).default(500),
  timeoutSeconds: whole(1, 3600).default(30),
  retries: whole(0, 20).default(2),
};

const ppi = section({
  kind: z.literal('ppi'),
  program: AbsolutePath,
  config: AbsolutePath.optional(),
  contract: z.enum(['bakery', 'extended']).default('bakery'),
  ...limits,
});

const Template = z
  .string()
  .refine((text) => parseTemplate(text) !== undefined, 'has a {{ that begins no name, as {{port}} or {{channel=0}} do');

const sampled = (text: string): string => fillTemplate(parseTemplate(text) ?? [], () => '1');

const UrlTemplate = Template.refine(
  (text) => /^https?:\/\//.test(text) && URL.canParse(sampled(text)),
  'is not an http:// or https:// URL, with names as in http://{{address}}/on/{{port}}',
).refine(
  (text) => !URL.canParse(sampled(text)) || new URL(sampled(text)).username === '',
  'holds a user name: write username and password beside it',
);

const BaseUrlTemplate = UrlTemplate.refine(
  (text) => !/[?#]|\/$/.test(text),
  'ends in a slash or has a query: paths are added to it',
);

const isOneOf = ['text', 'contains', 'json'] as const;

/** What an answer must say. */
const condition = section({
  text: z.string().optional(),
  contains: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).optional(),
  json: z
    .string()
    .refine((path) => parsePath(path) !== undefined, 'is not a path like output or relays[0].ison')
    .optional(),
  is: z.union([z.string(), z.number(), z.boolean()]).optional(),
}).superRefine((given, context) => {
  const ways = isOneOf.filter((way) => given[way] !== undefined);
  if (ways.length !== 1)
    context.addIssue({ code: 'custom', path: [], message: 'does not say one of text, contains and json' });
  if (given.is !== undefined && given.json === undefined)
    context.addIssue({ code: 'custom', path: ['is'], message: 'stands without json, the path of the value' });
});

const HeaderName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'is not a name of a header');
const HeaderText = Template.refine((text) => /^[\x20-\x7e]*$/.test(text), 'has other than printable ASCII characters');

const request = {
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).default('GET'),
  url: UrlTemplate,
  headers: z.record(HeaderName, HeaderText).default({}),
  body: Template.optional(),
};
const order = section({ ...request, expect: condition.optional() });
const question = section({ ...request, on: condition, off: condition });

const http = section({
  kind: z.literal('http'),
  preset: z.enum(['shelly-gen2', 'shelly-gen1', 'tasmota', 'simpleweb', 'maas-webhook']).optional(),
  url: BaseUrlTemplate.optional(),
  on: order.optional(),
  off: order.optional(),
  query: question.optional(),
  username: z.string().min(1).optional(),
  password: z.string().optional(),
  token: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'is not a token of printable ASCII characters')
    .optional(),
  auth: z.enum(['basic', 'digest', 'query']).optional(),
  ca: AbsolutePath.optional(),
  localAddresses: z.boolean().default(false),
  ...limits,
}).superRefine((given, context) => {
  const missing = (key: string, why: string) =>
    context.addIssue({ code: 'custom', path: [key], message: `is missing: ${why}` });
  if (given.preset === undefined) {
    for (const way of ['on', 'off'] as const)
      if (given[way] === undefined) missing(way, 'a driver without preset says how to switch on and off');
    if (given.url !== undefined)
      context.addIssue({ code: 'custom', path: ['url'], message: 'is for presets: on and off have a url each' });
  }
  if ((given.username === undefined) !== (given.password === undefined))
    missing(given.username === undefined ? 'username' : 'password', 'they come as two');
  if (given.auth !== undefined && given.username === undefined) missing('username', 'auth says how it is sent');
  if (given.token !== undefined && given.username !== undefined)
    context.addIssue({ code: 'custom', path: ['token'], message: 'is there beside username: only one can be sent' });
});

/** RFC 3414, 11.2: shorter ones are too easily found. */
const Passphrase = z.string().regex(/^.{8,}$/s, 'is shorter than 8 characters, which SNMPv3 does not take');

const snmp = section({
  kind: z.literal('snmp'),
  host: z.string().regex(/^[A-Za-z0-9.:-]{1,253}$/, 'is not a name or an address'),
  port: whole(1, 65_535).default(161),
  version: z.coerce
    .string()
    .pipe(z.enum(['2c', '3']))
    .default('2c')
    .meta({ kind: '2c, 3' }),
  community: z.string().min(1).optional(),
  username: z.string().min(1).max(32).optional(),
  authProtocol: z.enum(['sha256', 'sha512', 'sha384', 'sha224', 'sha', 'md5']).default('sha256'),
  authKey: Passphrase.optional(),
  privProtocol: z.enum(['aes', 'aes256b', 'aes256r']).default('aes'),
  privKey: Passphrase.optional(),
  ...limits,
}).superRefine((given, context) => {
  const needed = given.version === '3' ? (['username', 'authKey', 'privKey'] as const) : (['community'] as const);
  for (const key of needed)
    if (given[key] === undefined)
      context.addIssue({ code: 'custom', path: [key], message: `is missing: version ${given.version} needs it` });
});

const manual = section({ kind: z.literal('manual'), ...limits });

/** `power.drivers`: ways to switch boards, by name. */
export const powerDrivers = z.record(
  Name,
  z.discriminatedUnion('kind', [ppi, http, snmp, manual], {
    error: 'is no kind of driver',
  }),
);
