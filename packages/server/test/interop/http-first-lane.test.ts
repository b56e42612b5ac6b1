import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { putFirst } from '../../src/listeners/http/first-lane.js';

// The quick way before Node's HTTP server, on real sockets: what it leaves is that server's, whole and in order.

const quickText = 'GET /quick HTTP/1.1\r\nhost: x\r\n\r\n';
const big = Buffer.alloc(200_000, 'big');
const answerOf = (body: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`), Buffer.from(body)]);

let server: Server;
let end: () => void;
const seen: string[] = [];
afterEach(() => {
  end();
  server.closeAllConnections();
  server.close();
  seen.length = 0;
});

async function start(idleMs = 60_000): Promise<number> {
  server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      seen.push(`${request.method} ${request.url}`);
      response.end(`node ${request.method} ${request.url} ${Buffer.concat(pieces).toString()}`);
    });
  });
  end = putFirst(
    server,
    (request) => {
      if (request === quickText) return { bytes: answerOf('quick'), isLast: false };
      if (request === quickText.replace('quick', 'big')) return { bytes: answerOf(big), isLast: false };
      if (request === quickText.replace('quick', 'last')) return { bytes: answerOf('last'), isLast: true };
      return undefined;
    },
    idleMs,
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A client that reads answers by their length, from one connection. */
async function open(port: number) {
  const socket: Socket = connect(port, '127.0.0.1');
  let had = Buffer.alloc(0);
  let ended = false;
  socket.on('data', (piece: Buffer) => (had = Buffer.concat([had, piece])));
  socket.on('close', () => (ended = true));
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  const take = (): string | undefined => {
    const head = had.indexOf('\r\n\r\n');
    if (head < 0) return undefined;
    const text = had.subarray(0, head).toString();
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN);
    if (had.length < head + 4 + length) return undefined;
    const body = had.subarray(head + 4, head + 4 + length).toString();
    had = had.subarray(head + 4 + length);
    return body;
  };
  const next = async (): Promise<string> => {
    for (let wait = 0; wait < 500; wait += 1) {
      const body = take();
      if (body !== undefined) return body;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`no answer: ${had.toString('latin1').slice(0, 200)}`);
  };
  return { socket, next, say: (text: string) => socket.write(text, 'latin1'), hasEnded: () => ended };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('one connection is answered quickly until something else comes, and from then on by Node', async () => {
  const { say, next } = await open(await start());
  for (let turn = 0; turn < 3; turn += 1) {
    say(quickText);
    expect(await next()).toBe('quick');
  }
  expect(seen).toEqual([]);
  say('POST /p HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello');
  expect(await next()).toBe('node POST /p hello');
  say(quickText);
  expect(await next()).toBe('node GET /quick ');
});

test('what comes in pieces, or two at once, is Node’s from its first byte on', async () => {
  const port = await start();
  const pieces = await open(port);
  pieces.say(quickText.slice(0, 7));
  await pause(50);
  pieces.say(quickText.slice(7));
  expect(await pieces.next()).toBe('node GET /quick ');
  const two = await open(port);
  two.say(quickText + quickText);
  expect([await two.next(), await two.next()]).toEqual(['node GET /quick ', 'node GET /quick ']);
  const body = await open(port);
  body.say('POST /long HTTP/1.1\r\nhost: x\r\ncontent-length: 300000\r\n\r\n');
  for (let piece = 0; piece < 30; piece += 1) {
    body.say('x'.repeat(10_000));
    if (piece % 10 === 0) await pause(5);
  }
  expect(await body.next()).toBe(`node POST /long ${'x'.repeat(300_000)}`);
});

test('a request that says it is the last is answered, and the connection ends', async () => {
  const one = await open(await start());
  one.say(quickText.replace('quick', 'last'));
  expect(await one.next()).toBe('last');
  await expect.poll(one.hasEnded).toBe(true);
});

test('who does not read what he asked for is not given more, and gets all of it in the end', async () => {
  const slow = await open(await start());
  slow.socket.pause();
  for (let turn = 0; turn < 50; turn += 1) {
    slow.say(quickText.replace('quick', 'big'));
    await pause(2);
  }
  slow.socket.resume();
  // What waited in the kernel meanwhile came in one piece, and is Node's.
  const answers: string[] = [];
  while (answers.length < 50) answers.push(await slow.next());
  const quick = answers.filter((answer) => answer === big.toString()).length;
  expect(quick).toBeGreaterThan(0);
  expect(answers.slice(quick)).toEqual(Array.from({ length: 50 - quick }, () => 'node GET /big '));
});

test('idle connections end after their time, at a stop, and when the client ends', async () => {
  const port = await start(300);
  const silent = await open(port);
  await expect.poll(silent.hasEnded, { timeout: 3000 }).toBe(true);
  end();
  server.close();
  const again = await start();
  const idle = await open(again);
  idle.say(quickText);
  await idle.next();
  end();
  await expect.poll(idle.hasEnded, { timeout: 3000 }).toBe(true);
  const closing = await open(again);
  closing.socket.end();
  await expect.poll(closing.hasEnded, { timeout: 3000 }).toBe(true);
});

test('bytes that are no request end as Node ends them', async () => {
  const port = await start();
  for (const bytes of ['\0\0\0', 'GET / HTTP/9\r\n\r\n', 'x'.repeat(40_000)]) {
    const odd = await open(port);
    odd.say(bytes);
    await expect.poll(odd.hasEnded, { timeout: 5000 }).toBe(true);
  }
  const well = await open(port);
  well.say(quickText);
  expect(await well.next()).toBe('quick');
});
