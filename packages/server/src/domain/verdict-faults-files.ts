import { faultRemedies } from '@drover/contract';
import { asked, broken, entries, fileName, files, got, missed, rival, type Transfer } from './verdict-traces.js';
import type { Case, Fault } from './verdict.js';

/** Faults while firmware reads its files. */

const isPi5 = ({ session }: Case): boolean => ['pi5', 'pi500', 'cm5'].includes(session.model);

/** The image's own word about this model, where it has one. */
const unfitness = ({ session, facts }: Case): string => {
  const unfit = facts.image?.unfit.find(({ model }) => model === session.model);
  return unfit === undefined ? '' : ` (${unfit.reason})`;
};

const models = ({ facts }: Case): string =>
  facts.image === null || facts.image.models.length === 0
    ? 'Give it an image made for this board.'
    : `${facts.image.name} runs on ${facts.image.models.join(', ')}. Give this board another image.`;

/** The block counter has 16 bits; bootloaders before 2025-09-23 stop at its end. */
const stoppedAtLastBlock = (file: Transfer): boolean =>
  file.bytes >= 65_534 * file.blockSize && file.bytes <= 65_536 * file.blockSize;

/** Longer than the firmware's usual patience with a file, 30 s (TFTP_FILE_TIMEOUT). */
const ranOutOfTime = (file: Transfer): boolean => file.bytes > 0 && file.ms >= 28_000;

/** Files without which no board goes on. */
const vital = /^(bootcode\.bin|start\w*\.elf|kernel.*\.img)$/;

/** A rule of TFTP answered, and had no file: see app/boot/plane/rules. */
const ruledOut = (file: Transfer): boolean =>
  /^rule \d+: /.test(file.detail ?? '') &&
  (file.outcome === 'failed' || (file.outcome === 'absent' && vital.test(fileName(file.path))));

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

export const fileFaults: readonly Fault[] = [
  {
    id: 'card-needed',
    number: null,
    test: ({ session, timeline, facts }) =>
      facts.rootMode === 'sd' && session.generation === null && entries(timeline, 'card.asked').length === 0
        ? 'This board is to run from its card (root mode sd), and started from the network, which has nothing for it.'
        : undefined,
    remedy:
      'Put its card in, or write one (drover card write --self-updating). To run without a card: drover reimage --root ram.',
  },
  {
    id: 'not-provisioned',
    number: null,
    test: ({ facts }) =>
      facts.bootable
        ? undefined
        : `There is nothing for this board to boot: ${facts.reason ?? 'no image is assigned'}.`,
    remedy: 'Adopt the board (drover device adopt) and give it an image (drover provision).',
  },
  {
    id: 'identity-conflict',
    number: 24,
    test: ({ facts }) =>
      facts.conflict === null
        ? undefined
        : `Two boards show the same identity: ${facts.conflict}. Neither is served while that is so.`,
    remedy: faultRemedies['identity-conflict'],
  },
  {
    id: 'http-boot-refused',
    number: 29,
    test: ({ timeline }) => {
      if (!got(timeline, /^boot\.sig$/)) return undefined;
      const images = files(timeline).filter((file) => fileName(file.path) === 'boot.img');
      if (images.length === 1 && images[0]?.outcome === 'complete') return undefined;
      return images.length === 0
        ? 'The board read boot.sig and then did not ask for boot.img.'
        : 'The board read boot.img and refused it.';
    },
    remedy: 'The signature does not match the key in the EEPROM of this board; an EEPROM update drops that key.',
  },
  {
    id: 'file-too-big',
    number: 13,
    test: ({ timeline }) => {
      const file = broken(timeline).find(stoppedAtLastBlock);
      return (
        file &&
        `The transfer of ${file.path} stopped at block 65535 (${megabytes(file.bytes)}): this bootloader cannot count further.`
      );
    },
    remedy: faultRemedies['file-too-big'],
  },
  {
    id: 'too-many-at-once',
    number: 27,
    test: ({ timeline, facts }) =>
      facts.crowd >= 8 && broken(timeline).some(ranOutOfTime)
        ? `Files were cut off after 30 seconds while ${facts.crowd} other boards were booting.`
        : undefined,
    remedy: 'Switch the boards on in groups, or raise TFTP_FILE_TIMEOUT in their EEPROM.',
  },
  {
    id: 'file-timeout',
    number: 14,
    test: ({ timeline }) => {
      const file = broken(timeline).find(ranOutOfTime);
      return (
        file &&
        `The board gave up ${file.path} after ${(file.ms / 1000).toFixed(0)} s with ${megabytes(file.bytes)} read: it allows 30 s for a file.`
      );
    },
    remedy: 'Raise TFTP_FILE_TIMEOUT in the EEPROM (300000 is five minutes), or put the server nearer to the board.',
  },
  {
    id: 'mtu',
    number: 10,
    test: ({ timeline }) => {
      const stalled = broken(timeline).find((file) => file.bytes === 0 && file.blockSize > 1024);
      if (stalled === undefined) return undefined;
      const small = entries(timeline, 'tftp.file').some((file) => file.bytes > 0 && file.blockSize <= 1024);
      const heard = stalled.detail?.includes('stalled') === true;
      return small || heard
        ? `Transfers stall at the first block of ${stalled.blockSize} bytes: something on the way does not pass full packets.`
        : undefined;
    },
    remedy: faultRemedies.mtu,
  },
  {
    id: 'answers-lost',
    number: 9,
    test: ({ timeline }) => {
      const transfers = entries(timeline, 'tftp.file').filter((file) => file.outcome !== 'absent');
      return transfers.length > 0 && transfers.every((file) => file.bytes === 0 && file.outcome === 'timed-out')
        ? `The board asks for ${transfers[0]!.path}, but our answers do not reach it.`
        : undefined;
    },
    remedy: ({ session }) =>
      session.firmware === 'rom'
        ? 'A firewall may stop answers from ports other than 69 (boot.tftp.singlePort helps). A Pi 3 can also turn deaf to ARP: pin its address on the server (ip neigh replace).'
        : faultRemedies['answers-lost'],
  },
  {
    id: 'tftp-rule-failed',
    number: null,
    test: ({ timeline }) => {
      const file = entries(timeline, 'tftp.file').findLast(ruledOut);
      return file && `A rule of boot.tftp.rules takes ${file.path} and had no file for it (${file.detail}).`;
    },
    remedy: 'See to what the rule names, or narrow its match to what is not asked by boards (drover settings).',
  },
  {
    id: 'firmware-missing',
    number: 11,
    test: (it) => {
      const { session, timeline } = it;
      if (isPi5(it)) return undefined;
      const wanted =
        session.firmware === 'ee' ? /^start4\.elf$/ : session.firmware === 'rom' ? /^bootcode\.bin$/ : /^start\.elf$/;
      const path =
        missed(timeline, wanted) ?? (session.firmware === 'rom' ? missed(timeline, /^start\.elf$/) : undefined);
      return path === undefined
        ? undefined
        : `The image has no ${fileName(path)}, which this board needs${unfitness(it)}.`;
    },
    remedy: models,
  },
  {
    id: 'os-refused',
    number: 12,
    test: (it) => {
      const { timeline } = it;
      if (!isPi5(it) || !asked(timeline, /^config\.txt$/) || got(timeline, /^kernel.*\.img$/)) return undefined;
      const tree = missed(timeline, /^bcm2712.*\.dtb$/);
      return tree === undefined && asked(timeline, /^kernel.*\.img$/)
        ? undefined
        : `The Pi 5 read config.txt and found no system it can start${unfitness(it)}: the image has no device tree or kernel for it.`;
    },
    remedy: models,
  },
  {
    id: 'kernel-missing',
    number: null,
    test: (it) => {
      const path = got(it.timeline, /^(kernel.*\.img|vmlinuz.*)$/) ? undefined : missed(it.timeline, /^kernel.*\.img$/);
      return path && `The image has no ${fileName(path)}, the kernel this board asks for${unfitness(it)}.`;
    },
    remedy: models,
  },
  {
    id: 'config-not-ascii',
    number: 28,
    test: ({ session, facts }) => {
      const warning = facts.image?.warnings.find((each) => each.includes('ASCII'));
      return session.stage === 'firmware' && warning !== undefined ? `In the image, ${warning}.` : undefined;
    },
    remedy: 'Take that character out of the file on the boot partition of the image, and import it again.',
  },
  {
    id: 'silent-firmware',
    number: null,
    test: ({ session, timeline }) => {
      if (session.stage !== 'firmware' || rival(timeline) !== undefined) return undefined;
      const last = files(timeline).at(-1);
      return `The board stopped while it read its files${last === undefined ? '' : `; the last one was ${last.path} (${last.outcome})`}.`;
    },
    remedy: 'See what the board shows on a screen or its serial console; power and cable are the usual causes.',
  },
];
