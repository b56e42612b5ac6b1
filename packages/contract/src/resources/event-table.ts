import type { EventType } from './event.js';

/** What an event type tells, and what is in its `data`. For people; `subject` says what it is about. */
export interface EventMeaning {
  readonly subject:
    | 'server'
    | 'tenant'
    | 'key'
    | 'device'
    | 'request'
    | 'session'
    | 'image'
    | 'disk'
    | 'config'
    | 'build'
    | 'job'
    | 'blob';
  readonly meaning: string;
  readonly data: readonly string[];
}

const about =
  (subject: EventMeaning['subject']) =>
  (meaning: string, ...data: readonly string[]): EventMeaning => ({ subject, meaning, data });

const server = about('server');
const tenant = about('tenant');
const key = about('key');
const device = about('device');
const request = about('request');
const session = about('session');
const image = about('image');
const disk = about('disk');
const config = about('config');
const build = about('build');
const job = about('job');

/** One line for each event type; its `data` may have more, and what is not known is left out. */
export const eventTable: Readonly<Record<EventType, EventMeaning>> = {
  'server.started': server('It serves its API, after a start or after its settings were read anew.', 'version'),
  'tenant.created': tenant('A tenant was made.', 'name'),
  'tenant.updated': tenant('Its quotas were changed.', 'name', 'quota'),
  'key.created': key('An API key was made or imported.', 'name', 'role', 'by'),
  'key.revoked': key('An API key is not good any more.', 'name', 'role', 'by'),
  'card-key.rolled': server(
    'The next key that signs for cards was made, and is announced to them.',
    'current',
    'next',
    'by',
  ),
  'card-key.switched': server('What cards are told is signed with the next key.', 'current', 'next', 'by'),
  'device.discovered': device('A board that nobody registered was seen.', 'mac', 'bootPrefix', 'model', 'firmware'),
  'device.registered': device('A board was registered before it was seen.', 'by'),
  'device.adopted': device('A discovered board belongs to a tenant now.', 'by', 'mac', 'bootPrefix', 'model'),
  'device.updated': device(
    'Something of it was changed, or learnt; `data` has what.',
    'name',
    'labels',
    'power',
    'console',
    'by',
  ),
  'device.file-changed': device('A file of its own was put or deleted (`size` null).', 'file', 'size', 'sha256', 'by'),
  'device.first-boot-changed': device('What it gets at its first boot was set or cleared.', 'settings', 'by'),
  'device.provisioned': device(
    'It has an image assigned.',
    ...['image', 'imageName', 'rootMode', 'generation', 'job', 'leaseUntil', 'by'],
  ),
  'device.ready': device('What it waited for is made: it can boot.', 'imageName', 'generation'),
  'device.failed': device('It cannot be used until somebody does something.', 'imageName', 'reason'),
  'device.lease-changed': device('It is kept longer or shorter.', 'leaseUntil', 'by'),
  'device.lease-expired': device('Its time is over; it is released.', 'name', 'image', 'leaseUntil'),
  'device.releasing': device('It is being released.', 'image', 'job', 'by'),
  'device.released': device('It is free. `by` null: its lease was over.', 'image', 'by', 'disk', 'because'),
  'device.deleted': device('It is forgotten, or was joined to another record.', 'by', 'reason', 'mergedInto'),
  'device.conflict': device('Two boards show the same identity.', 'reason'),
  'device.impostor': device(
    'Somebody acts in its name while it is up elsewhere.',
    ...['name', 'session', 'address', 'impostorSession', 'impostorAddress'],
  ),
  'device.up': device('It reported that it is up.', 'session', 'generation'),
  'device.health': device(
    'Its health is another than before, or it fell silent.',
    'health',
    'was',
    'checks',
    'session',
    'image',
    'fellBack',
    'heardAt',
  ),
  'power.switched': device('A driver switched it.', 'to', 'driver'),
  'power.proved': device('Something shows that it was switched.', 'state', 'by'),
  'power.failed': device('It could not be switched, or nothing shows that it was.', 'wanted', 'reason'),
  'request.waiting': request('Somebody waits for a device.', 'wish', 'image', 'waitsUntil', 'by'),
  'request.granted': request('The device is there.', 'state', 'wish', 'device'),
  'request.ended': request('It does not wait any more, without a device.', 'state', 'wish', 'reason'),
  'session.started': session('A board begins a boot.', 'device', 'name', 'generation'),
  'session.ended': session('A boot is over.', 'device', 'name', 'outcome', 'stage', 'verdict'),
  'session.revoked': session(
    'What it was given is not good any more: somebody else used its secret.',
    'device',
    'name',
    'reason',
  ),
  'image.import-started': image('An import began.', 'ref', 'job'),
  'image.ready': image('It can be assigned.', 'ref', 'digest', 'size'),
  'image.failed': image('It could not be imported.', 'ref', 'reason'),
  'image.deleted': image('It is gone.', 'ref'),
  'disk.created': disk('A disk is being made.', 'name'),
  'disk.ready': disk('It can be used.', 'name'),
  'disk.failed': disk('It could not be made or changed.', 'name', 'reason'),
  'disk.updated': disk('Its name or size was changed.', 'name'),
  'disk.deleted': disk('It is gone.', 'name'),
  'disk.attached': disk('A device has it.', 'name', 'device', 'access'),
  'disk.detached': disk('A device has it no more.', 'name', 'device'),
  'disk.snapshot-taken': disk('A snapshot of it was taken.', 'snapshot'),
  'disk.snapshot-deleted': disk('A snapshot of it is gone.', 'snapshot'),
  'disk.backup-made': disk('A backup of it was made.', 'name', 'backup', 'bytes'),
  'disk.backup-deleted': disk('A backup of it is gone.', 'backup', 'name'),
  'boot-config.changed': config('A layer of the boot configs has a new version.', 'layer', 'version', 'reason', 'by'),
  'boot-config.deleted': config('A layer of the boot configs is gone.', 'layer', 'version', 'reason', 'by'),
  'build.created': build('A build began.', 'recipe', 'trigger', 'schedule', 'job'),
  'build.updated': build('It was pinned or let go, published or not.', 'recipe'),
  'build.finished': build('It is over.', 'recipe', 'state', 'image', 'unchanged', 'reason'),
  'build.deleted': build('It is gone, with its files and its log.', 'recipe', 'image'),
  'job.created': job('Work was begun that takes time.', 'kind', 'subject'),
  'job.progress': job('How far it is. Live only: it has no id, and is not kept.', 'kind', 'subject', 'progress'),
  'job.ended': job('It is over.', 'kind', 'subject', 'state', 'error', 'result'),
  'blob.corrupt': about('blob')('A stored blob does not have the bytes it should have.', 'found', 'size', 'images'),
};
