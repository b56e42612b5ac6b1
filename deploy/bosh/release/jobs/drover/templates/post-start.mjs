// usage: post-start.mjs CONFIG-FOLDER ADMIN-KEY-FILE LOG-FILE
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const readySeconds = 120;
const [folder, keyFile, logFile] = process.argv.slice(2);
const json = async (name) => JSON.parse(await readFile(`${folder}/${name}`, 'utf8'));

/** Of the API: its first address, by loopback where it is all of this machine's. */
async function findServer() {
  const { http } = await json('drover.yaml');
  const listen = String(http?.listen?.[0] ?? '0.0.0.0:8080');
  const address = /^\d+$/.test(listen) ? `0.0.0.0:${listen}` : listen;
  return `http://${address.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace('[::]:', '[::1]:')}`;
}

/** What is not well is what it says while it starts, or that it does not answer. */
async function waitUntilReady(server) {
  let reason = '';
  for (const giveUpAt = Date.now() + readySeconds * 1000; Date.now() < giveUpAt; await sleep(500)) {
    try {
      const answer = await globalThis.fetch(`${server}/readyz`, { signal: globalThis.AbortSignal.timeout(5000) });
      if (answer.ok) return;
      reason = await answer.text();
    } catch (error) {
      reason = error.cause?.message ?? error.message;
    }
  }
  const log = await readFile(logFile, 'utf8').catch(() => '');
  throw new Error(`${server} is not ready after ${readySeconds} s: ${reason}\n${log.slice(-2000)}`);
}

async function ask(server, key, method, path, body) {
  const answer = await globalThis.fetch(`${server}/api/v2${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, value: text === '' ? undefined : JSON.parse(text) };
}

async function* keysOf(server, admin) {
  for (let cursor; ;) {
    const { value } = await ask(server, admin, 'GET', `/keys?limit=100${cursor ? `&cursor=${cursor}` : ''}`);
    yield* value.items;
    cursor = value.next;
    if (!cursor) return;
  }
}

/** A key that is there already stays. A new one ends what had its name before. */
async function takeIn(server, admin, wanted) {
  const { status, value } = await ask(server, admin, 'POST', '/keys/import', { ...wanted, tenant: null });
  if (value.code === 'key.exists') return;
  if (status !== 201) throw new Error(`The key ${wanted.name} is not taken: ${value.detail}`);
  console.log(`took in the key ${wanted.name}`);
  for await (const key of keysOf(server, admin)) {
    if (key.name !== wanted.name || key.id === value.id || key.revokedAt !== null) continue;
    await ask(server, admin, 'DELETE', `/keys/${key.id}`);
    console.log(`the key ${wanted.name} of before, ${key.id}, has ended`);
  }
}

try {
  const server = await findServer();
  await waitUntilReady(server);
  const keys = await json('keys.json');
  if (keys.length > 0) {
    const admin = (await readFile(keyFile, 'utf8')).trim();
    for (const key of keys) await takeIn(server, admin, key);
  }
} catch (error) {
  console.error(`drover: ${error.message}`);
  process.exitCode = 1;
}
