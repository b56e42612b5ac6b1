import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createBoard, createIdentity, type BoardIdentity } from '@drover/simulator';
import type { ImageFacts } from '@drover/contract';
import { createIds, systemClock } from '../../src/adapters/system/index.js';
import { servedClient, type ServedClient } from '../nbd/raw-client.js';
import { DeviceClient, freePort, sleep } from './netboot-lab.js';
import { imageBytes, partitions, startOwnDiskLab, type OwnDiskLab } from './own-disk-lab.js';

const ids = createIds({ clock: systemClock });
const at = '2026-01-01T00:00:00.000Z';

/** Boards that run from disks of their own, as hosts of a network with an address each, and what they can say to the server. */
export interface IsolationLab extends OwnDiskLab {
  /** A device with a root disk; `data`: and a disk attached to it. */
  addBoard(serial: string, address: string, data?: boolean): Promise<LabBoard>;
}

export interface LabBoard {
  readonly device: string;
  readonly identity: BoardIdentity;
  readonly address: string;
  /** Its root disk, and the one that is attached to it. */
  readonly root: string;
  readonly data: string | undefined;
  /** Runs the firmware at an address, its own or somebody else's, as far as the kernel with its command line. */
  start(from?: string): Promise<Host>;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly lines: Readonly<Record<string, string>>;
}

/** Whoever was given the command line of a boot, at an address. */
export class Host {
  readonly url: string;
  readonly session: string;
  readonly secret: string;
  readonly address: string;
  /** What the exchange answered. */
  lines: Readonly<Record<string, string>> = {};

  constructor(cmdline: string, address: string) {
    const { url, session, secret } = new DeviceClient(cmdline);
    [this.url, this.session, this.secret, this.address] = [url, session, secret, address];
  }

  get bearer(): string {
    return `Bearer ${this.lines['credential']}`;
  }

  /** A request from this address, by default with this boot's credential for this boot. */
  ask(method: 'GET' | 'POST', what: string, more: { authorization?: string; session?: string; body?: string } = {}) {
    const { authorization = this.bearer, session = this.session, body } = more;
    return talk(this.address, method, `${this.url}/device/v1/sessions/${session}/${what}`, authorization, body);
  }

  async exchange(nonce: string): Promise<Answer> {
    const body = new URLSearchParams({ secret: this.secret, nonce, mac: 'dc:a6:32:01:02:03', release: '6.6.31-v8' });
    const answer = await this.ask('POST', 'exchange', { authorization: '', body: body.toString() });
    if (answer.status === 200) this.lines = answer.lines;
    return answer;
  }

  /** Opens an export of the server, by default its own root. Rejects when it is refused. */
  attach(name = this.lines['nbdExport'] ?? ''): Promise<ServedClient> {
    return servedClient(Number(this.lines['nbdPort']), name, this.address);
  }

  /** Asks for its disks, again and again, as the running system does; the last answer is told. */
  stayUp(off: AbortSignal): { readonly list: () => Answer | undefined } {
    let list: Answer | undefined;
    const follow = async (): Promise<void> => {
      while (!off.aborted) {
        const path = `disks?known=${list?.lines['version'] ?? ''}&has=&busy=`;
        const url = `${this.url}/device/v1/sessions/${this.session}/${path}`;
        const answer = await talk(this.address, 'GET', url, this.bearer, undefined, off).catch(() => undefined);
        if (answer?.status === 200) list = answer;
        else await sleep(100);
      }
    };
    void follow();
    return { list: () => list };
  }
}

async function talk(
  localAddress: string,
  method: string,
  url: string,
  authorization: string,
  body?: string,
  signal?: AbortSignal,
): Promise<Answer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const type = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    const asked = httpRequest(url, {
      ...{ method, localAddress, agent: false, headers: { authorization, ...type } },
      ...(signal === undefined ? {} : { signal }),
    });
    asked.on('response', resolve).on('error', reject).end(body);
  });
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('latin1');
  const lines = Object.fromEntries(
    text.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  return { status: response.statusCode ?? 0, text, lines };
}

/** Of the image that the lab makes. */
const facts: ImageFacts = {
  ...{ scheme: 'mbr', diskId: null, bootPartition: 1, rootPartition: 2, bootFiles: 1, release: null },
  partitions: [
    { number: 1, ...partitions.boot, type: '0c', partuuid: '1-01', fileSystem: 'vfat', label: null },
    { number: 2, ...partitions.root, type: '83', partuuid: '1-02', fileSystem: 'ext4', label: null },
  ],
  ...{ architecture: 'arm64', init: 'other', kernels: [], initramfs: [], models: ['pi4'], unfit: [] },
  ...{ rootModes: ['nbd'], warnings: [], rootUsedBytes: null },
};

export async function startIsolationLab(): Promise<IsolationLab> {
  const ports = { http: await freePort(), nbd: await freePort() };
  const lab = await startOwnDiskLab(new Map(), { dhcp: true, ports });

  const saveDisk = (disk: string, device: string, role: 'root' | 'data', size: number): Promise<void> =>
    lab.store.transaction(async (tx) => {
      const { tenant, assignment, site } = (await tx.devices.get(device))!;
      const image = (await tx.images.get(assignment!.image))!;
      if (image.facts === null) await tx.images.update(image.id, image.revision, { facts });
      await tx.disks.insert({
        ...{ id: disk, name: disk.slice(-8).toLowerCase(), tenant: tenant!, site, role, kind: 'block', size },
        ...{ clone: null, nfs: null, device: role === 'root' ? device : null, image: null, base: null },
        ...{
          attachments: [],
          restoredFrom: null,
          ownBytes: null,
          state: 'ready',
          stateReason: null,
          deleteAt: null,
          job: null,
        },
        ...{ createdAt: at, updatedAt: at, revision: 1 },
      });
      if (role === 'data') await tx.disks.attach(disk, { device, access: 'read-write', state: 'attached', since: at });
    });

  return {
    ...lab,
    addBoard: async (serial, address, withData = false) => {
      const identity = createIdentity({ model: '4b', serial });
      const root = ids.next('dsk');
      const device = await lab.withDisk(identity.shortSerial, root);
      await saveDisk(root, device, 'root', imageBytes);
      const data = withData ? ids.next('dsk') : undefined;
      if (data !== undefined) {
        await lab.emptyDisk(data, 1 << 20);
        await saveDisk(data, device, 'data', 1 << 20);
      }
      const start = async (from = address): Promise<Host> => {
        const { dhcpPort, tftpPort } = lab;
        const network = { mode: 'relay', address: from, server: '127.0.0.1' } as const;
        const board = createBoard({
          ...{ identity, network: { ...network, dhcpPort, relayPort: dhcpPort, tftpPort }, clockScale: 0.4 },
        });
        const booted = await board.boot();
        await board.release();
        if (!booted.ok) throw new Error(`${booted.failure.step}: ${booted.failure.message}`);
        return new Host(booted.image.cmdline, from);
      };
      return { ...{ device, identity, address, root, data }, start };
    },
  };
}
