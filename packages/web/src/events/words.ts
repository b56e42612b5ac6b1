import type { DomainEvent, EventType } from '@drover/contract';
import { bytesText } from '../ui/format.js';

type Data = DomainEvent['data'];

/** A text of the data of an event, as it is; undefined where there is none. */
export const textIn = (data: Data, ...names: readonly string[]): string | undefined => {
  for (const name of names) {
    const value = data[name];
    if (typeof value === 'string' && value !== '') return value;
    if (typeof value === 'number') return String(value);
  }
  return undefined;
};

const bytesIn = (data: Data, name: string): string | undefined => {
  const value = data[name];
  return typeof value === 'number' ? bytesText(value) : undefined;
};

const joined = (...parts: readonly (string | undefined | false)[]): string | undefined => {
  const said = parts.filter((part): part is string => typeof part === 'string' && part !== '');
  return said.length === 0 ? undefined : said.join(' · ');
};

const jobWords: Readonly<Record<string, string>> = {
  'image.import': 'Import of an image',
  'image.delete': 'Deletion of an image',
  'image.root': 'Root of an image',
  'image.boot': 'Boot files of an image',
  'image.boot-set': 'Boot files for cards',
  'image.delta': 'Difference of two images',
  'image.build': 'Build of an image',
  'disk.create': 'Making of a disk',
  'disk.snapshot': 'Snapshot of a disk',
  'disk.forget-snapshot': 'Deletion of a snapshot',
  'disk.resize': 'Resizing of a disk',
  'disk.flatten': 'Flattening of a disk',
  'disk.attach': 'Attaching of a disk',
  'disk.detach': 'Detaching of a disk',
  'disk.check': 'Check of a disk',
  'disk.remove': 'Deletion of a disk',
  'disk.backup': 'Backup of a disk',
  'device.power': 'Switching of a board',
  'device.release': 'Release of a board',
  'blob.verify': 'Check of all that is stored',
  'blob.collect': 'Deletion of what nothing refers to',
};

/** What a job does, as a noun: it is queued, runs, ended. */
export const jobText = (kind: string): string => jobWords[kind] ?? kind;

interface Words {
  readonly title: string;
  readonly detail?: (data: Data) => string | undefined;
}

const reason = (data: Data): string | undefined => textIn(data, 'reason', 'error', 'message');
const name = (data: Data): string | undefined => textIn(data, 'name', 'imageName', 'ref', 'recipe');

/** Each type of event as people say it. */
const words: Readonly<Record<EventType, Words>> = {
  'server.started': { title: 'The server started', detail: (data) => textIn(data, 'version') },
  'tenant.created': { title: 'Tenant created', detail: name },
  'tenant.updated': { title: 'Limits of a tenant changed', detail: name },
  'key.created': { title: 'API key created', detail: (data) => joined(name(data), textIn(data, 'role')) },
  'key.revoked': { title: 'API key revoked', detail: (data) => joined(name(data), textIn(data, 'role')) },
  'card-key.rolled': { title: 'New key for signing cards' },
  'card-key.switched': { title: 'Cards are signed with the new key' },
  'device.discovered': {
    title: 'Board seen for the first time',
    detail: (data) => joined(textIn(data, 'model'), textIn(data, 'mac')),
  },
  'device.registered': { title: 'Board registered' },
  'device.adopted': { title: 'Board adopted', detail: (data) => joined(textIn(data, 'model'), textIn(data, 'mac')) },
  'device.updated': {
    title: 'Board changed',
    detail: (data) => joined(...Object.keys(data).filter((key) => key !== 'by')),
  },
  'device.file-changed': { title: 'File of a board changed', detail: (data) => textIn(data, 'path', 'file', 'name') },
  'device.first-boot-changed': { title: 'First-boot settings changed' },
  'device.provisioned': { title: 'Board provisioned', detail: (data) => joined(name(data), textIn(data, 'rootMode')) },
  'device.ready': { title: 'Board is ready to boot', detail: name },
  'device.failed': { title: 'Board failed', detail: (data) => joined(reason(data), name(data)) },
  'device.lease-changed': { title: 'Lease changed', detail: (data) => textIn(data, 'leaseUntil') },
  'device.lease-expired': { title: 'Lease expired' },
  'device.releasing': { title: 'Board is being released' },
  'device.released': { title: 'Board released' },
  'device.deleted': { title: 'Board forgotten', detail: reason },
  'device.conflict': { title: 'Two boards say that they are the same', detail: reason },
  'device.impostor': { title: 'Somebody else spoke for a board', detail: reason },
  'device.up': { title: 'Board is up', detail: name },
  'device.health': {
    title: 'Health of a board changed',
    detail: (data) => joined(textIn(data, 'status'), textIn(data, 'before') && `was ${textIn(data, 'before') ?? ''}`),
  },
  'power.switched': {
    title: 'Power switched',
    detail: (data) => joined(textIn(data, 'to'), textIn(data, 'driver')),
  },
  'power.proved': { title: 'Power control is proved' },
  'power.failed': { title: 'Power could not be switched', detail: reason },
  'request.waiting': { title: 'Somebody waits for a board', detail: name },
  'request.granted': { title: 'A request got its board', detail: name },
  'request.ended': { title: 'A request ended without a board', detail: reason },
  'session.started': { title: 'Boot began', detail: name },
  'session.ended': { title: 'Boot ended', detail: (data) => joined(name(data), textIn(data, 'outcome')) },
  'session.revoked': { title: 'Boot session revoked', detail: (data) => joined(name(data), reason(data)) },
  'image.import-started': { title: 'Import of an image began', detail: name },
  'image.ready': { title: 'Image is ready', detail: (data) => joined(name(data), bytesIn(data, 'size')) },
  'image.failed': { title: 'Image failed', detail: (data) => joined(name(data), reason(data)) },
  'image.deleted': { title: 'Image deleted', detail: name },
  'disk.created': { title: 'Disk created', detail: (data) => joined(name(data), bytesIn(data, 'size')) },
  'disk.ready': { title: 'Disk is ready', detail: name },
  'disk.failed': { title: 'Disk failed', detail: (data) => joined(name(data), reason(data)) },
  'disk.updated': { title: 'Disk changed', detail: name },
  'disk.deleted': { title: 'Disk deleted', detail: name },
  'disk.attached': { title: 'Disk attached', detail: name },
  'disk.detached': { title: 'Disk detached', detail: (data) => joined(name(data), reason(data)) },
  'disk.snapshot-taken': { title: 'Snapshot taken', detail: (data) => joined(name(data), textIn(data, 'snapshot')) },
  'disk.snapshot-deleted': {
    title: 'Snapshot deleted',
    detail: (data) => joined(name(data), textIn(data, 'snapshot')),
  },
  'disk.backup-made': { title: 'Backup made', detail: (data) => joined(name(data), bytesIn(data, 'bytes')) },
  'disk.backup-deleted': { title: 'Backup deleted', detail: name },
  'boot-config.changed': { title: 'Boot config changed', detail: name },
  'boot-config.deleted': { title: 'Boot config deleted', detail: name },
  'build.created': { title: 'Build asked for', detail: (data) => joined(name(data), textIn(data, 'schedule')) },
  'build.updated': { title: 'Build changed', detail: name },
  'build.finished': { title: 'Build ended', detail: (data) => joined(name(data), textIn(data, 'state')) },
  'build.deleted': { title: 'Build deleted', detail: name },
  'job.created': { title: 'Job queued', detail: (data) => jobText(textIn(data, 'kind') ?? '') },
  'job.progress': { title: 'Job goes on' },
  'job.ended': {
    title: 'Job ended',
    detail: (data) => joined(jobText(textIn(data, 'kind') ?? ''), textIn(data, 'state')),
  },
  'blob.corrupt': { title: 'Stored bytes are damaged' },
};

const bad = /\.(failed|corrupt|impostor|conflict|revoked)$/;
const good = /\.(up|ready|proved|granted)$/;

export interface EventText {
  readonly title: string;
  readonly detail: string | undefined;
  readonly tone: 'ok' | 'bad' | 'plain';
}

const endedBadly = (data: Data): boolean => /^(failed|lost)$/.test(textIn(data, 'state', 'outcome') ?? '');

/** An event in plain words. */
export const eventText = ({ type, data }: Pick<DomainEvent, 'type' | 'data'>): EventText => {
  const { title, detail } = words[type];
  const isBad = bad.test(type) || (/\.(ended|finished)$/.test(type) && endedBadly(data));
  return { title, detail: detail?.(data), tone: isBad ? 'bad' : good.test(type) ? 'ok' : 'plain' };
};

export const typeTitle = (type: EventType): string => words[type].title;

/** Ids in the data of an event that people may want to go to, the subject first. */
export const idsOf = ({ subject, data }: Pick<DomainEvent, 'subject' | 'data'>): readonly string[] => {
  const others = ['device', 'image', 'build', 'job', 'subject'].map((key) => data[key]);
  const ids = [subject, ...others].filter(
    (id): id is string => typeof id === 'string' && /^[a-z]+_[0-9A-Z]{26}$/.test(id),
  );
  return [...new Set(ids)];
};
