import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { DeviceAnswer } from './device-http.js';
import { createRootDownload } from './runtime-root.js';

const root = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7) & 0xff));
const sha256 = createHash('sha256').update(root).digest('hex');
const wrong = Buffer.from(root).fill(0, 100, 110);

/** One connection: which bytes, and how it is answered. */
interface Connection {
  readonly bytes?: Buffer;
  /** Bytes sent before the line is cut. */
  readonly cut?: number;
  readonly status?: number;
  /** The whole in answer to a part. */
  readonly whole?: boolean;
  readonly seconds?: number;
}

const setup = (connections: Connection[]) => {
  const asked: number[] = [];
  const reports: string[] = [];
  let now = 0;
  const download = createRootDownload(
    { sha256, size: root.length },
    {
      uptime: () => now,
      pause: async () => undefined,
      report: async (step, state, message) => void reports.push(`${step} ${state} ${message}`),
      fail: (message) => {
        throw new Error(message);
      },
      transfer: async (from, take): Promise<DeviceAnswer> => {
        asked.push(from);
        const { bytes = root, cut, status, whole, seconds = 0 } = connections.shift() ?? {};
        const answer = { status: status ?? (from > 0 ? 206 : 200), retryAfter: '', date: '', body: Buffer.alloc(0) };
        if (status !== undefined) return answer;
        const start = whole === true ? 0 : from;
        const end = cut === undefined ? bytes.length : Math.min(bytes.length, start + cut);
        for (let at = start; at < end; at += 1000) {
          now += seconds;
          take(bytes.subarray(at, Math.min(end, at + 1000)), whole === true ? 200 : answer.status);
        }
        return cut === undefined ? answer : { ...answer, status: 0 };
      },
    },
  );
  return { download, asked, reports };
};

describe('the download of a root', () => {
  it('goes on where it was cut, and is the same bytes', async () => {
    const { download, asked, reports } = setup([{ cut: 1500 }, { cut: 2000 }, {}]);
    await download.fetch();
    await download.verify();
    expect(asked).toEqual([0, 1500, 3500]);
    expect(reports.map((text) => text.split(' ').slice(0, 2).join(' '))).toEqual(['download info', 'download info']);
  });

  it('begins anew when the server sends the whole again', async () => {
    const { download } = setup([{ cut: 1500 }, { whole: true }]);
    await download.fetch();
    await download.verify();
  });

  it('tells how far it is when it takes a while', async () => {
    const { download, reports } = setup([{ seconds: 2 }]);
    await download.fetch();
    expect(reports).toEqual(['download progress 20 %, 1 MB of 1 MB', 'download progress 60 %, 1 MB of 1 MB']);
  });

  it('is made once more when its bytes are wrong', async () => {
    const { download, asked, reports } = setup([{ bytes: wrong }, {}]);
    await download.fetch();
    await download.verify();
    expect(asked).toEqual([0, 0]);
    expect(reports[0]).toMatch(/^verify info the bytes are not those promised/);
  });

  it('fails when they are wrong twice', async () => {
    const { download } = setup([{ bytes: wrong }, { bytes: wrong }]);
    await download.fetch();
    await expect(download.verify()).rejects.toThrow(`not ${sha256}, twice`);
  });

  it('fails at once when it is refused, and after eight attempts that bring nothing', async () => {
    await expect(setup([{ status: 403 }]).download.fetch()).rejects.toThrow('refuses the root: HTTP 403');
    const silent = setup(Array.from({ length: 9 }, () => ({ status: 0 })));
    await expect(silent.download.fetch()).rejects.toThrow('stands at 0 of 5000 bytes: no answer');
    expect(silent.asked).toHaveLength(8);
  });

  it('does not give up while each attempt brings something', async () => {
    const { download, asked } = setup(Array.from({ length: 20 }, () => ({ cut: 250 })));
    await download.fetch();
    await download.verify();
    expect(asked).toHaveLength(20);
  });
});
