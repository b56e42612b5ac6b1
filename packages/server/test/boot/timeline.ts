import type { BootSession, SessionOutcome, TimelineEntry } from '@drover/contract';
import type { SessionFacts } from '../../src/domain/verdict.js';

const at = '2026-01-01T00:00:00.000Z';
const mac = 'dc:a6:32:01:02:03';
type Of<T extends TimelineEntry['type']> = Extract<TimelineEntry, { type: T }>;

/** Timeline entries with everything but what the test is about filled in. */
export const entry = {
  discover: (more: Partial<Of<'dhcp.discover'>> = {}): TimelineEntry => ({
    type: 'dhcp.discover',
    at,
    mac,
    firmware: 'ee',
    interface: 'eth0',
    ...more,
  }),
  request: (): TimelineEntry => ({ type: 'dhcp.request', at, mac, interface: 'eth0', address: '10.0.0.9' }),
  offer: (): TimelineEntry => ({ type: 'dhcp.offer', at, mac, server: '10.0.0.1', delayMs: 0 }),
  ignored: (reason: string): TimelineEntry => ({ type: 'dhcp.ignored', at, mac, reason }),
  rival: (server: string, options: number[]): TimelineEntry => ({ type: 'dhcp.rival', at, mac, server, options }),
  file: (path: string, more: Partial<Of<'tftp.file'>> = {}): TimelineEntry => ({
    type: 'tftp.file',
    at,
    path,
    bytes: 100,
    ms: 5,
    outcome: 'complete',
    blockSize: 1024,
    windowSize: 1,
    retransmits: 0,
    ...more,
  }),
  http: (path: string, more: Partial<Of<'http.file'>> = {}): TimelineEntry => ({
    type: 'http.file',
    at,
    path,
    bytes: 100,
    ms: 5,
    outcome: 'complete',
    ...more,
  }),
  exchange: (outcome: Of<'exchange'>['outcome'], address = '10.0.0.9'): TimelineEntry => ({
    type: 'exchange',
    at,
    outcome,
    address,
  }),
  /** `isUp`: on the timeline of a session in the name of a board that is up at another one; else on that of the board. */
  impostor: (isUp: boolean): TimelineEntry => ({
    ...{ type: 'exchange', at, outcome: 'impostor', address: isUp ? '10.0.0.66' : '10.0.0.9' },
    other: { session: 'bs_01JZ5M8K7Q2W3E4R5T6Y7V8B9Q', address: isUp ? '10.0.0.9' : '10.0.0.66', isUp },
  }),
  report: (step: string, state: Of<'report'>['state'], more: Partial<Of<'report'>> = {}): TimelineEntry => ({
    type: 'report',
    at,
    step,
    state,
    message: '',
    ...more,
  }),
  cardAsked: (outcome: Of<'card.asked'>['outcome']): TimelineEntry => ({
    ...{ type: 'card.asked', at, outcome, address: '10.0.0.9', release: '6.6.31' },
  }),
  log: (source: Of<'log'>['source'], text: string): TimelineEntry => ({ type: 'log', at, source, text }),
  ended: (outcome: SessionOutcome): TimelineEntry => ({ type: 'session.ended', at, outcome, verdict: null }),
};

export const bootSession = (more: Partial<BootSession> = {}): BootSession => ({
  id: 'bs_01JZ5M8K7Q2W3E4R5T6Y7V8B9N',
  device: 'dev_01JZ5M8K7Q2W3E4R5T6Y7V8B9N',
  stage: 'dhcp',
  outcome: 'lost',
  verdict: null,
  firmware: 'ee',
  model: 'pi4',
  mac,
  bootPrefix: '91cdf03d',
  address: null,
  generation: 1,
  startedAt: at,
  upAt: null,
  endedAt: at,
  bytes: 0,
  ...more,
});

export const factsOf = (more: Partial<SessionFacts> = {}): SessionFacts => ({
  bootable: true,
  reason: null,
  rootMode: 'ram',
  dhcpMode: 'proxy',
  image: { name: 'raspios:12', models: ['pi4'], unfit: [], warnings: [] },
  conflict: null,
  unhealthy: 1,
  crowd: 0,
  ...more,
});
