import { doctorProbeFile } from '@drover/contract';
import type { TftpOutcome } from '@drover/protocols/tftp';
import type { BootFiles, TransferEnd } from '../app/boot/plane/ports.js';
import type { RuleFiles } from '../app/boot/plane/rules.js';
import type {
  TftpFile,
  TftpListenerDeps,
  TftpOpened,
  TftpOpenRequest,
  TftpTransferEvent,
} from '../listeners/tftp/index.js';

/** Joins the TFTP listener to the rules of the settings, and behind them to the application's boot files. */

const keyOf = ({ path, client }: Pick<TftpOpenRequest, 'path' | 'client'>): string =>
  `${client.address} ${client.port} ${path}`;

/** Something to send, and whom to tell when that is over. */
interface Sent {
  readonly file: TftpFile;
  end(end: TransferEnd): void;
}

type Answer = Sent | Extract<TftpOpened, { ok: false }>;

interface TftpWiring {
  readonly files: BootFiles;
  /** Undefined: there are none. */
  readonly rules: RuleFiles | undefined;
  readonly onEnd: (outcome: TransferEnd['outcome'] | 'absent', bytes: number, retransmits: number) => void;
}

/** What the network doctor reads to try a path with blocks of every size; nobody's boot. */
const probe: Answer = {
  file: {
    size: doctorProbeFile.size,
    shareKey: doctorProbeFile.path,
    read: async (_offset, length) => new Uint8Array(length),
  },
  end: () => undefined,
};

export function wireTftp({ files, rules, onEnd }: TftpWiring): Pick<TftpListenerDeps, 'open' | 'onTransfer'> {
  const open = new Map<string, Sent>();

  const ruled = ({ path, client, signal }: TftpOpenRequest): Promise<Answer> | undefined =>
    rules?.open({ path, clientAddress: client.address, signal })?.then((answer): Answer => {
      if (answer.kind === 'file') return { file: answer.file, end: (end) => answer.file.end(end) };
      onEnd(answer.kind, 0, 0);
      return { ok: false, code: answer.kind === 'absent' ? 1 : 0, message: answer.reason };
    });

  const booted = async ({ path, client, localAddress }: TftpOpenRequest): Promise<Answer> => {
    const answer = await files.open({ path, transport: 'tftp', clientAddress: client.address, localAddress });
    if (answer.kind === 'refused') return { ok: false, code: 2, message: answer.reason };
    if (answer.kind === 'absent') {
      onEnd('absent', 0, 0);
      return { ok: false, code: 1, message: 'file not found' };
    }
    const { file } = answer;
    return {
      file: { size: file.size, shareKey: file.tag, read: async (offset, length) => file.read(offset, length) },
      end: (end) => file.end(end),
    };
  };

  return {
    open: async (request) => {
      const answer = request.path === doctorProbeFile.path ? probe : await (ruled(request) ?? booted(request));
      if ('ok' in answer) return answer;
      if (request.signal.aborted) {
        answer.end({ outcome: 'aborted', bytes: 0, ms: 0, detail: 'the client was gone before its file was found' });
        return { ok: false, code: 0, message: 'too late' };
      }
      open.get(keyOf(request))?.end({ outcome: 'aborted', bytes: 0, ms: 0, detail: 'asked again' });
      open.set(keyOf(request), answer);
      return { ok: true, file: answer.file };
    },
    onTransfer: (event) => {
      const sent = open.get(keyOf(event));
      if (sent === undefined) return;
      open.delete(keyOf(event));
      const end = endOf(event);
      sent.end(end);
      onEnd(end.outcome, end.bytes, event.retransmits);
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
