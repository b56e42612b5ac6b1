import { routes } from '@drover/contract';
import { expect, it } from 'vitest';
import { openApiDocument } from './openapi.js';
import { createFakeApi } from './testing.js';

const describeApi = async () => {
  const { app } = await createFakeApi();
  await app.ready();
  return openApiDocument(app) as {
    openapi: string;
    paths: Record<string, Record<string, { operationId: string; responses: object; security: object[] }>>;
  };
};

it('keeps docs/api/openapi.json as the route table says (npm run generate -w @drover/server)', async () => {
  const document = `${JSON.stringify(await describeApi(), null, 2)}\n`;
  await expect(document).toMatchFileSnapshot('../../../../../../docs/api/openapi.json');
});

it('describes every operation once, with its key and its problems', async () => {
  const { openapi, paths } = await describeApi();
  expect(openapi).toBe('3.1.0');
  const operations = Object.values(paths).flatMap((path) => Object.values(path));
  expect(operations.map((operation) => operation.operationId).sort()).toEqual(Object.keys(routes).sort());
  for (const operation of operations) {
    expect(operation.security).toHaveLength(2);
    expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['4XX', '5XX']));
  }
});
