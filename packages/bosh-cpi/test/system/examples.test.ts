import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { NetworkProperties, VmProperties } from '../../src/cloud-properties.js';
import { settingsOf } from '../../src/settings.js';
import { runDrover, environmentOf } from '../../../server/test/system/server.js';
import { deployFolder, readJob, renderJob } from './release/release.js';

// The examples of deploy/bosh: they fit each other, the CPI and the jobs of the release.

const release = join(deployFolder, 'release');
const Named = z.looseObject({ name: z.string() });
const CloudConfig = z.strictObject({
  azs: z.array(Named.extend({ cpi: z.string() })),
  vm_types: z.array(Named.extend({ cloud_properties: z.record(z.string(), z.unknown()) })),
  disk_types: z.array(Named.extend({ disk_size: z.int().min(1) })),
  networks: z.array(
    Named.extend({
      type: z.enum(['dynamic', 'manual']),
      subnets: z.array(z.looseObject({ az: z.string(), cloud_properties: z.record(z.string(), z.unknown()) })),
    }),
  ),
  compilation: z.looseObject({ workers: z.int().min(1), az: z.string(), network: z.string(), vm_type: z.string() }),
});
const Job = z.strictObject({ name: z.string(), release: z.string(), properties: z.record(z.string(), z.unknown()) });
const Manifest = z.strictObject({
  name: z.string(),
  releases: z.array(Named),
  stemcells: z.array(z.strictObject({ alias: z.string(), os: z.string(), version: z.string() })),
  update: z.looseObject({}),
  instance_groups: z.array(
    Named.extend({
      azs: z.array(z.string()),
      vm_type: z.string(),
      stemcell: z.string(),
      persistent_disk_type: z.string().optional(),
      networks: z.array(Named),
      jobs: z.array(Job),
    }),
  ),
  variables: z.array(Named).default([]),
});

/** As the command line of BOSH reads it, with words in the place of variables. */
const read = async <T>(name: string, schema: z.ZodType<T>): Promise<{ value: T; variables: string[] }> => {
  const text = await readFile(join(deployFolder, name), 'utf8');
  const variables = [...text.replaceAll(/^ *#.*$/gm, '').matchAll(/\(\((\w+)\)\)/g)].map(([, each = '']) => each);
  const filled = text.replaceAll('((drover_url))', 'http://10.0.0.5:8080').replaceAll(/\(\((\w+)\)\)/g, 'value-of-$1');
  return { value: schema.parse(parse(filled)), variables };
};
const names = (list: readonly { readonly name: string }[]): string[] => list.map(({ name }) => name);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-examples-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The settings that a job of the release makes of properties, all of which it must know. */
const rendered = async ({ name, properties }: z.infer<typeof Job>, file: string): Promise<string> => {
  const declared = Object.keys((await readJob(release, name)).properties);
  const leaves = (value: unknown, path: string): string[] =>
    declared.includes(path) || typeof value !== 'object' || value === null
      ? [path]
      : Object.entries(value).flatMap(([key, below]) => leaves(below, path === '' ? key : `${path}.${key}`));
  expect(declared).toEqual(expect.arrayContaining(leaves(properties, '')));
  await renderJob(release, name, join(folder, name), { properties });
  return join(folder, name, file);
};

describe('the examples', () => {
  it('cpi-config.yml names the job of the release, and what the CPI reads', async () => {
    const Cpi = Named.extend({ type: z.string(), properties: z.record(z.string(), z.unknown()) });
    const { value, variables } = await read('cpi-config.yml', z.strictObject({ cpis: z.array(Cpi) }));
    expect(variables.sort()).toEqual(['drover_key', 'drover_url']);
    for (const { type, properties } of value.cpis) {
      expect((await readJob(release, `${type}_cpi`)).name).toBe('drover_cpi');
      expect(settingsOf(properties, undefined).drover).toEqual(properties['drover']);
    }
  });

  it('cloud-config.yml says nothing that the CPI does not know', async () => {
    const { value: cloud } = await read('cloud-config.yml', CloudConfig);
    const { value: cpis } = await read('cpi-config.yml', z.looseObject({ cpis: z.array(Named) }));
    for (const { cpi } of cloud.azs) expect(names(cpis.cpis)).toContain(cpi);
    for (const { cloud_properties: properties } of cloud.vm_types) {
      expect(Object.keys(VmProperties.shape)).toEqual(expect.arrayContaining(Object.keys(properties)));
      expect(VmProperties.parse(properties)).toMatchObject(properties);
    }
    for (const { subnets } of cloud.networks)
      for (const { az, cloud_properties: properties } of subnets) {
        expect(names(cloud.azs)).toContain(az);
        expect(Object.keys(NetworkProperties.shape)).toEqual(expect.arrayContaining(Object.keys(properties)));
        expect(NetworkProperties.parse(properties)).toEqual(properties);
      }
    const { az, network, vm_type: type } = cloud.compilation;
    expect([names(cloud.azs), names(cloud.networks), names(cloud.vm_types)]).toEqual([
      expect.arrayContaining([az]),
      expect.arrayContaining([network]),
      expect.arrayContaining([type]),
    ]);
  });

  it('pis.yml is of that cloud, and of the stemcell that is made here', async () => {
    const { value: cloud } = await read('cloud-config.yml', CloudConfig);
    const { value: manifest } = await read('pis.yml', Manifest);
    expect(await readFile(join(deployFolder, 'stemcell/make-stemcell'), 'utf8')).toContain(
      `\nsystem=${manifest.stemcells[0]?.os}\n`,
    );
    for (const group of manifest.instance_groups) {
      expect(names(cloud.azs)).toEqual(expect.arrayContaining(group.azs));
      expect(names(cloud.vm_types)).toContain(group.vm_type);
      expect(names(cloud.disk_types)).toContain(group.persistent_disk_type);
      expect(names(cloud.networks)).toEqual(expect.arrayContaining(names(group.networks)));
      expect(manifest.stemcells.map(({ alias }) => alias)).toContain(group.stemcell);
      for (const job of group.jobs) expect(names(manifest.releases)).toContain(job.release);
    }
  });

  it('manifest.yml makes settings that the server takes, and names where its variables are from', async () => {
    const { value: manifest, variables } = await read('manifest.yml', Manifest);
    expect([...new Set(variables)].sort()).toEqual(['drover_ip', ...names(manifest.variables)].sort());
    const [job] = manifest.instance_groups.flatMap(({ jobs }) => jobs);
    if (job === undefined) throw new Error('it has no job');
    const config = await rendered(job, 'config/drover.yaml');
    const { code, stdout, stderr } = await runDrover(['settings', '--config', config], { env: environmentOf(folder) });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('retention.eventsDays');
    expect(JSON.parse(await readFile(join(folder, 'drover/config/keys.json'), 'utf8'))).toEqual([
      { name: 'bosh', role: 'operator', key: 'value-of-drover_key' },
    ]);
  });

  it('director.yml puts the CPI beside a director, where a CPI config has the rest', async () => {
    const Change = z.strictObject({ type: z.literal('replace'), path: z.string(), value: Named });
    const { value: changes } = await read('director.yml', z.array(Change));
    const job = Job.parse(changes.find(({ path }) => path.endsWith('/jobs/-'))?.value);
    expect(names(changes.map(({ value }) => value))).toContain(job.release);
    const file = JSON.parse(await readFile(await rendered(job, 'config/cpi.json'), 'utf8')) as Record<string, unknown>;
    const context = { drover: { url: 'http://10.0.0.5:8080', key: 'the-key-of-a-config' } };
    expect(settingsOf(context, file)).toMatchObject({
      ...context,
      agent: { mbus: 'nats://value-of-internal_ip:4222' },
      create_vm_seconds: 1800,
    });
  });
});
