import type { TftpOutcome } from '@drover/protocols/tftp';
import type { BootFiles, OpenBootFile, TransferEnd } from '../app/boot/plane/ports.js';
import type { TftpListenerDeps, TftpOpenRequest, TftpTransferEvent } from '../listeners/tftp/index.js';

/** Joins the TFTP listener to the application's boot files. */

const keyOf = ({ path, client }: Pick<TftpOpenRequest, 'path' | 'client'>): string =>
  `${client.address} ${client.port} ${path}`;

export function wireTftp(
  files: BootFiles,
  onEnd: (outcome: TransferEnd['outcome'] | 'absent', bytes: number) => void,
): Pick<TftpListenerDeps, 'open' | 'onTransfer'> {
  const open = new Map<string, OpenBootFile>();
  return {
    open: async (request) => {
      const { path, client, localAddress, signal } = request;
      const answer = await files.open({ path, transport: 'tftp', clientAddress: client.address, localAddress });
      if (answer.kind === 'absent') {
        onEnd('absent', 0);
        return { ok: false, code: 1, message: 'file not found' };
      }
      if (answer.kind === 'refused') return { ok: false, code: 2, message: answer.reason };
      const { file } = answer;
      if (signal.aborted) {
        file.end({ outcome: 'aborted', bytes: 0, ms: 0, detail: 'the client was gone before its file was found' });
        return { ok: false, code: 0, message: 'too late' };
      }
      open.get(keyOf(request))?.end({ outcome: 'aborted', bytes: 0, ms: 0, detail: 'asked again' });
      open.set(keyOf(request), file);
      return {
        ok: true,
        file: { size: file.size, shareKey: file.tag, read: async (offset, length) => file.read(offset, length) },
      };
    },
    onTransfer: (event) => {
      const file = open.get(keyOf(event));
      if (file === undefined) return;
      open.delete(keyOf(event));
      const end = endOf(event);
      file.end(end);
      onEnd(end.outcome, end.bytes);
    },
  };
}

function endOf({ outcome, bytes, ms, blksize, windowsize, retransmits, answered }: TftpTransferEvent): TransferEnd {
  const detail = detailOf(outcome, { bytes, answered });
  return {
    outcome: outcomeOf(outcome),
    bytes,
    ms: Math.round(ms),
    blockSize: blksize,
    windowSize: windowsize,
    retransmits,
    ...(detail === undefined ? {} : { detail }),
  };
}

function outcomeOf(outcome: TftpOutcome): TransferEnd['outcome'] {
  switch (outcome.kind) {
    case 'complete':
      return 'complete';
    case 'aborted':
      return outcome.probe ? 'probe' : 'aborted';
    case 'timed-out':
      return 'timed-out';
    default:
      return 'failed';
  }
}

/** What verdicts look for, where the figures alone do not tell: see domain/verdict-faults-files. */
function detailOf(outcome: TftpOutcome, { bytes, answered }: { bytes: number; answered: boolean }): string | undefined {
  switch (outcome.kind) {
    case 'timed-out':
      if (bytes > 0) return undefined;
      return answered ? 'stalled at the first block' : 'nothing came back';
    case 'complete':
      return undefined;
    default:
      return outcome.message;
  }
}
