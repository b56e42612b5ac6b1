import { refusal, RefusedError } from '@drover/contract';
import { streamTool } from '@drover/tools';

/** What a program unpacks of a file. Throws image.broken where it cannot. */
export async function* unpack(
  path: string,
  tool: string,
  args: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* streamTool(tool, args, { signal });
  } catch (error) {
    if (!(error instanceof RefusedError) || error.refusal.code !== 'tool.failed') throw error;
    throw new RefusedError(
      refusal('image.broken', `${path} cannot be unpacked: ${error.refusal.detail}`, {
        remedy: 'It is damaged or cut short: download or copy it again.',
      }),
    );
  }
}
