import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { executable } from './director.js';

// How the executable reads and writes, whatever a director hands it.

/** Runs a program of its arguments with descriptors that do not wait, writes its own input to it late and slowly, and passes on what it says. */
const impatient = `
import os, subprocess, sys, time
read, write = os.pipe()
heard, said = os.pipe()
for each in (read, said): os.set_blocking(each, False)
child = subprocess.Popen(sys.argv[1:], stdin=read, stdout=said, stderr=subprocess.DEVNULL)
os.close(read); os.close(said)
request = sys.stdin.buffer.read()
for at in range(0, len(request), 30000):
    time.sleep(0.1)
    os.write(write, request[at:at + 30000])
os.close(write)
time.sleep(0.5)
while piece := os.read(heard, 4096): sys.stdout.buffer.write(piece)
sys.exit(child.wait())
`;

const run = async (command: string, args: readonly string[], input: string) => {
  const child = spawn(command, [...args], { env: { PATH: process.env['PATH'] }, stdio: ['pipe', 'pipe', 'ignore'] });
  const out: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => out.push(piece));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, answer: JSON.parse(Buffer.concat(out).toString()) as { error: { type: string; message: string } } };
};

/** Larger than what a pipe holds, in both directions. */
const method = 'm'.repeat(300_000);
const request = JSON.stringify({ method, arguments: [], context: {} });
const expected = {
  code: 0,
  answer: { error: { type: 'Bosh::Clouds::NotImplemented', message: `There is no method "${method}" here.` } },
};

it('answers at length over pipes that wait', async () => {
  expect(await run(executable, [], request)).toMatchObject(expected);
});

it('answers at length over pipes that do not', async () => {
  expect(await run('python3', ['-c', impatient, executable], request)).toMatchObject(expected);
});

it('takes no input for a request that is not JSON', async () => {
  const { code, answer } = await run(executable, [], '');
  expect(code).toBe(0);
  expect(answer.error.type).toBe('Bosh::Clouds::CpiError');
});

it('answers when nobody listens to its log', async () => {
  const script = 'exec "$0" 2>&-';
  expect(await run('sh', ['-c', script, executable], request)).toMatchObject(expected);
});
