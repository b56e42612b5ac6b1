import type { Device, DomainEvent } from '@drover/contract';
import type { DeviceOperation } from './ledger.js';

/** The life of each device as the event log tells it, matched with what callers were told. */
export interface DeviceBook {
  readonly registered: (device: Device) => void;
  readonly acknowledge: (operation: DeviceOperation, answer: Device) => void;
  /** Takes events in their order; says what cannot have happened, and what was told to callers and did not. */
  replay(events: readonly DomainEvent[]): string[];
  /** Says where the devices differ from what their events say. */
  compare(devices: readonly Device[]): string[];
}

interface Life {
  readonly name: string;
  state: 'unregistered' | 'available' | 'preparing' | 'in-use' | 'failed';
  generation: number;
  imageName: string | null;
}

interface Assigned {
  readonly operation: 'provision' | 'reimage';
  readonly device: string;
  readonly generation: number;
  readonly imageName: string;
}

const keyOf = (device: string, generation: number): string => `${device} ${generation}`;

const assignedBy = (operation: 'provision' | 'reimage', { id, assignment }: Device): Assigned => {
  if (assignment === null) throw new Error(`an answer to ${operation} of ${id} has no assignment`);
  return { operation, device: id, generation: assignment.generation, imageName: assignment.imageName };
};

/** One event; returns why it cannot have happened. */
const step = (life: Life, { type, data, id }: DomainEvent, assigned: Assigned | undefined): string | undefined => {
  const before = `event ${id} ${type} of ${life.name}, which was ${life.state}`;
  switch (type) {
    case 'device.registered':
      if (life.state !== 'unregistered') return before;
      life.state = 'available';
      return undefined;
    case 'device.provisioned': {
      const allowed = assigned?.operation === 'provision' ? ['available'] : ['in-use', 'preparing', 'failed'];
      const fits = allowed.includes(life.state) && data['generation'] === life.generation + 1;
      life.generation = Number(data['generation']);
      life.imageName = String(data['imageName']);
      life.state = 'preparing';
      return fits ? undefined : `${before} of generation ${life.generation}`;
    }
    case 'device.ready': {
      const fits = life.state === 'preparing' && data['generation'] === life.generation;
      life.state = 'in-use';
      return fits ? undefined : before;
    }
    case 'device.failed': {
      const fits = life.state === 'preparing';
      life.state = 'failed';
      return fits ? undefined : before;
    }
    case 'device.released': {
      const fits = ['preparing', 'in-use', 'failed'].includes(life.state);
      life.state = 'available';
      life.imageName = null;
      return fits ? undefined : before;
    }
    default:
      return `event ${id} ${type} is not of this test`;
  }
};

export const createDeviceBook = (): DeviceBook => {
  const lives = new Map<string, Life>();
  const assigned = new Map<string, Assigned>();
  const released = new Map<string, number>();
  const wrong: string[] = [];

  const take = (event: DomainEvent): void => {
    const life = lives.get(event.subject);
    if (life === undefined) {
      wrong.push(`event ${event.id} tells of a device ${event.subject} nobody was told of`);
      return;
    }
    const key = keyOf(event.subject, Number(event.data['generation']));
    const told = event.type === 'device.provisioned' ? assigned.get(key) : undefined;
    const impossible = step(life, event, told);
    if (impossible !== undefined) wrong.push(impossible);
    if (event.type === 'device.provisioned') {
      if (told === undefined) wrong.push(`nobody was told that ${life.name} has generation ${life.generation}`);
      else if (told.imageName !== life.imageName) wrong.push(`${life.name} was told to run ${told.imageName}`);
      assigned.delete(key);
    }
    if (event.type === 'device.released') released.set(event.subject, (released.get(event.subject) ?? 0) - 1);
  };

  return {
    registered: ({ id, name }) => {
      lives.set(id, { name, state: 'unregistered', generation: 0, imageName: null });
    },
    acknowledge: (operation, answer) => {
      if (operation === 'release') {
        released.set(answer.id, (released.get(answer.id) ?? 0) + 1);
        return;
      }
      const entry = assignedBy(operation, answer);
      const key = keyOf(entry.device, entry.generation);
      if (assigned.has(key)) wrong.push(`two callers were told that ${answer.name} is theirs`);
      assigned.set(key, entry);
    },
    replay: (events) => {
      for (const event of events) if (event.type.startsWith('device.')) take(event);
      for (const { operation, device, generation } of assigned.values())
        wrong.push(`${operation} of ${device} was acknowledged with generation ${generation} and did not happen`);
      for (const [device, missing] of released)
        if (missing !== 0) wrong.push(`${device} was released ${missing} times less than its callers were told`);
      assigned.clear();
      released.clear();
      return wrong.splice(0);
    },
    compare: (devices) => {
      const shown = new Map(devices.map((device) => [device.id, device]));
      return [...lives].flatMap(([id, life]) => {
        const device = shown.get(id);
        const is = `${device?.state ?? 'gone'} ${device?.assignment?.imageName ?? 'nothing'}`;
        const said = `${life.state} ${life.imageName ?? 'nothing'}`;
        if (is !== said) return [`${life.name} is ${is}, its events say ${said}`];
        if (life.state === 'preparing') return [`${life.name} prepares, and no job is left that could end that`];
        const generation = device?.assignment?.generation;
        return generation === undefined || generation === life.generation
          ? []
          : [`${life.name} has generation ${generation}, its events say ${life.generation}`];
      });
    },
  };
};
