import { faultRemedies, type TimelineEntry } from '@drover/contract';
import { isImpostors } from './session-machine.js';
import { broken, entries, failedReport, lastReport, said } from './verdict-traces.js';
import type { Fault } from './verdict.js';

/** Faults after firmware handed over: kernel, initramfs, root. The board says most of them itself. */

const memory = /No space left on device|ENOSPC|Out of memory|oom-kill|Cannot allocate memory/;
const panicOfInitramfs =
  /Initramfs unpacking failed|junk (within|at the end of) compressed archive|rootfs image is not initramfs|unable to mount root fs/i;

/** A card that took new boot files says so as its last word, and starts them. */
const restartsAsMeant = (timeline: readonly TimelineEntry[]): boolean => {
  const last = lastReport(timeline);
  return last?.step === 'update' && last.state === 'ok';
};

export const systemFaults: readonly Fault[] = [
  {
    id: 'impostor',
    number: null,
    test: ({ timeline }) => {
      const asked = entries(timeline, 'exchange').find(isImpostors);
      const from = asked === undefined || asked.address === '' ? '' : ` from ${asked.address}`;
      const at = (asked?.other?.address ?? '') === '' ? '' : ` at ${asked?.other?.address}`;
      return asked && `Somebody asked${from} in the name of this board while the board itself is up${at}: refused.`;
    },
    remedy:
      'Find out who is at that address: another machine on this network has the serial number or hardware address of this board. The board that is up was left alone.',
  },
  {
    id: 'credential-reused',
    number: null,
    test: ({ session, timeline }) => {
      if (session.outcome !== 'revoked') return undefined;
      const from = [...new Set(entries(timeline, 'exchange').map(({ address }) => address))].join(' and ');
      return `The one-use secret of this boot was used a second time${from === '' ? '' : ` (from ${from})`}, so the session was revoked.`;
    },
    remedy:
      'Somebody else on this network may have read the boot files of this board. Start it again; if it happens again, keep its network to itself.',
  },
  {
    id: 'card-refused',
    number: null,
    test: ({ timeline }) => {
      const refused = entries(timeline, 'card.asked').findLast(({ outcome }) => outcome === 'refused');
      return refused && `The card of this board may not boot: ${refused.reason ?? 'no reason is known'}.`;
    },
    remedy:
      'Write the card anew from the image that is assigned to the board, or assign the image the card was made from.',
  },
  {
    id: 'squashfs-compression',
    number: 20,
    test: ({ timeline }) => {
      const match = said(timeline, /uses "?(\w+)"? compression\. This is not supported/i);
      return match && `The kernel of this image cannot read a root compressed with ${match[1]}.`;
    },
    remedy: 'Import the image again so that its root is packed anew; kernels from before October 2024 need gzip or xz.',
  },
  {
    id: 'module-mismatch',
    number: 21,
    test: ({ timeline }) =>
      said(timeline, /invalid module format|disagrees about version of symbol|version magic .* should be/i) &&
      'The kernel refused its modules: the kernel on the boot partition and the modules of the root come from different builds.',
    remedy: 'Bring boot files and root of the image to the same kernel package, and import it again.',
  },
  {
    id: 'truncated-initramfs',
    number: 15,
    test: ({ timeline }) => {
      if (!said(timeline, panicOfInitramfs)) return undefined;
      const [cut] = broken(timeline);
      return `The kernel could not unpack its initramfs${cut === undefined ? '' : `; the transfer of ${cut.path} had broken off after ${cut.bytes} bytes`}.`;
    },
    remedy: 'Raise TFTP_FILE_TIMEOUT in the EEPROM (300000 is five minutes), or put the server nearer to the board.',
  },
  {
    id: 'out-of-memory',
    number: 19,
    test: ({ timeline }) => {
      const match = said(timeline, memory);
      return match && `The board has too little memory for this root ("${match[0]}").`;
    },
    remedy: 'Use a smaller image or a board with more memory: in mode ram the whole packed root is kept in memory.',
  },
  {
    id: 'clock',
    number: 18,
    test: ({ timeline }) => {
      const failed = failedReport(timeline);
      const dated = said(timeline, /certificate (is not yet valid|has expired)/i);
      if (failed?.step !== 'clock' && !dated) return undefined;
      return `The board's clock could not be set right${failed?.step === 'clock' && failed.message !== '' ? `: ${failed.message}` : ''}.`;
    },
    remedy: faultRemedies.clock,
  },
  {
    id: 'no-network-in-initramfs',
    number: 16,
    test: ({ timeline }) => {
      const failed = failedReport(timeline);
      if (failed?.step !== 'network' && failed?.step !== 'modules') return undefined;
      return `The kernel started, but the network card did not work in the initramfs: ${failed.message || failed.step}.`;
    },
    remedy:
      'The image may lack the module for this network card. Otherwise check cable and switch: the link comes up anew here.',
  },
  {
    id: 'kernel-panic',
    number: null,
    test: ({ timeline }) => {
      const match = said(timeline, /Kernel panic - not syncing: ([^\n]{1,200})/);
      return match && `The kernel stopped: ${match[1]!.trim()}.`;
    },
    remedy:
      'The lines before it on the timeline say what it was at; a kernel that was up with this image before points to the board or its power.',
  },
  {
    id: 'no-report',
    number: 22,
    test: ({ session, timeline }) =>
      session.stage === 'root' && failedReport(timeline) === undefined
        ? `The root was handed over (last step: ${lastReport(timeline)?.step ?? 'download'}), then nothing more was heard.`
        : undefined,
    remedy:
      'The init of the image may have failed, or its firewall keeps the report in. Look at the console of the board.',
  },
  {
    id: 'step-failed',
    number: null,
    test: ({ timeline }) => {
      const failed = failedReport(timeline);
      return failed && `The board gave up at step ${failed.step}: ${failed.message || 'it did not say why'}.`;
    },
    remedy: 'See the log on the timeline; the board starts over by itself.',
  },
  {
    id: 'under-voltage',
    number: 26,
    warning: true,
    test: ({ timeline }) => said(timeline, /under-?voltage detected/i) && 'The board reported under-voltage.',
    remedy: 'Use a stronger power supply or a shorter cable; with PoE check the power budget of the switch.',
  },
  {
    id: 'silent-initramfs',
    number: null,
    test: ({ session, timeline }) =>
      session.stage === 'initramfs' && !(session.outcome === 'superseded' && restartsAsMeant(timeline))
        ? `The board fell silent in the initramfs; its last word was step ${lastReport(timeline)?.step ?? 'start'}.`
        : undefined,
    remedy: 'Look at the console of the board; power and network are the usual causes.',
  },
  {
    id: 'unheard-initramfs',
    number: 16,
    test: ({ session, timeline }) => {
      if (session.stage !== 'kernel') return undefined;
      const last = timeline.findLastIndex((entry) => entry.type === 'tftp.file' || entry.type === 'http.file');
      const asksAgain = timeline.slice(last + 1).some((entry) => entry.type === 'dhcp.request');
      return asksAgain
        ? 'The kernel started and asked for an address, but the initramfs never reached this server over HTTP.'
        : 'The kernel was fetched, but no operating system asked for an address within the time.';
    },
    remedy:
      'If the console shows a running kernel: the module for this network card is missing, the cable renegotiates, or a firewall keeps the boot HTTP port shut.',
  },
];
