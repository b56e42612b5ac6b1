import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { announceRuns, loopTimeout, seed } from '../../test/support/runs.js';
import { inspectKernel } from './inspect.js';

const banner = (release: string): Buffer => Buffer.from(`Linux version ${release} (who@where) (gcc 12) #1 SMP\n\0`);

function arm64(flags: number, release = '6.6.31+rpt-rpi-v8'): Buffer {
  const header = Buffer.alloc(64);
  header.writeUInt32LE(flags, 24);
  header.write('ARM\x64', 56, 'latin1');
  // The format string of the banner stands in real kernels too, and must not be taken for it.
  return Buffer.concat([header, Buffer.from('Linux version %s\0'), banner(release), Buffer.alloc(50)]);
}

function zImage(payload: Uint8Array): Buffer {
  const header = Buffer.alloc(48);
  header.writeUInt32LE(0x016f2818, 36);
  return Buffer.concat([header, payload, Buffer.from([1, 2, 3, 4])]);
}

describe('inspectKernel', () => {
  it.each([
    [0b001, undefined],
    [0b011, 4096],
    [0b100, 16384],
    [0b110, 65536],
  ])('reads an arm64 Image with flags %i', async (flags, pageSize) => {
    expect(await inspectKernel(arm64(flags))).toEqual({
      format: 'arm64-image',
      architecture: 'arm64',
      release: '6.6.31+rpt-rpi-v8',
      ...(pageSize === undefined ? {} : { pageSize }),
      gzip: false,
    });
  });

  it('looks through gzip around an Image, as in kernel8.img', async () => {
    const facts = await inspectKernel(gzipSync(arm64(2, '6.1.0-13-arm64')));
    expect(facts).toMatchObject({ format: 'arm64-image', release: '6.1.0-13-arm64', gzip: true });
  });

  it('looks into a zImage, past marks that are no payload', async () => {
    const payload = Buffer.concat([Buffer.from('1f8b08ff', 'hex'), gzipSync(banner('6.6.31+rpt-rpi-v7'))]);
    expect(await inspectKernel(zImage(payload))).toEqual({
      format: 'arm-zimage',
      architecture: 'arm',
      release: '6.6.31+rpt-rpi-v7',
      gzip: false,
    });
    expect(await inspectKernel(zImage(Buffer.from('lzo')))).toEqual({
      format: 'arm-zimage',
      architecture: 'arm',
      gzip: false,
    });
  });

  it('looks into an EFI zboot image', async () => {
    const payload = gzipSync(arm64(2));
    const header = Buffer.alloc(64);
    header.write('MZ\0\0zimg', 0, 'latin1');
    header.writeUInt32LE(64, 8);
    header.writeUInt32LE(payload.length, 12);
    const facts = await inspectKernel(Buffer.concat([header, payload]));
    expect(facts).toMatchObject({ format: 'efi-zboot', architecture: 'arm64', release: '6.6.31+rpt-rpi-v8' });
  });

  it('says unknown for anything else', async () => {
    expect(await inspectKernel(new Uint8Array(0))).toEqual({ format: 'unknown', gzip: false });
    expect(await inspectKernel(Buffer.from('1f8b080000', 'hex'))).toEqual({ format: 'unknown', gzip: true });
    expect(await inspectKernel(banner('4.9.1-old'))).toEqual({ format: 'unknown', release: '4.9.1-old', gzip: false });
  });

  it('never throws', { timeout: loopTimeout }, async () => {
    const numRuns = announceRuns('kernel', 1000);
    const heads = [
      arm64(2).subarray(0, 64),
      zImage(Buffer.alloc(0)),
      Buffer.from('MZ\0\0zimg'),
      Buffer.from('1f8b08', 'hex'),
    ];
    const bytes = fc
      .tuple(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 256 }))
      .map((parts) => Buffer.concat(parts));
    await fc.assert(
      fc.asyncProperty(bytes, async (kernel) => {
        await inspectKernel(kernel);
      }),
      { numRuns, seed },
    );
  });
});
