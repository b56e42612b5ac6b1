import { isModelName, modelNames, models, type BoardModel, type ModelName } from './models.js';
import type { Random } from './random.js';

/** Who a board is. */
export interface BoardIdentity {
  readonly model: BoardModel;
  /** 16 lowercase hex digits. */
  readonly serial: string;
  /** Six lowercase hex pairs with colons. */
  readonly mac: string;
  /** Board revision code. */
  readonly revision: number;
  /** The eight hex digits the firmware puts before file names by default: the low half of the serial number. */
  readonly shortSerial: string;
}

export interface IdentityOptions {
  readonly model: ModelName;
  /** 16 hex digits, or the low 8, which are completed with the model's usual upper half. */
  readonly serial: string;
  /** Defaults to the model's rule: from the serial number up to the Pi 3, else derived from it in a vendor block. */
  readonly mac?: string;
  readonly revision?: number;
}

const lowSerial = (serial: string): string => serial.slice(8);

const defaultMac = (model: BoardModel, serial: string): string => {
  const tail = serial.slice(10);
  return `${model.ouis[0]}:${tail.slice(0, 2)}:${tail.slice(2, 4)}:${tail.slice(4, 6)}`;
};

const completeSerial = (model: BoardModel, serial: string): string => {
  const text = serial.toLowerCase();
  if (/^[0-9a-f]{16}$/.test(text)) return text;
  if (!/^[0-9a-f]{8}$/.test(text)) throw new RangeError(`serial must be 8 or 16 hex digits, not "${serial}"`);
  return (model.serialUpperHalf === 'any' ? '10000000' : model.serialUpperHalf) + text;
};

/**
 * @throws RangeError naming the field when the model, serial number or MAC is malformed, or when a board whose MAC derives from its
 * serial number is given another one.
 */
export const createIdentity = (options: IdentityOptions): BoardIdentity => {
  if (!isModelName(options.model)) {
    throw new RangeError(`model must be one of ${modelNames.join(', ')}, not "${String(options.model)}"`);
  }
  const model = models[options.model];
  const serial = completeSerial(model, options.serial);
  const mac = (options.mac ?? defaultMac(model, serial)).toLowerCase();
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac)) throw new RangeError(`mac must be six hex pairs, not "${mac}"`);
  if (model.macFromSerial && mac !== defaultMac(model, serial)) {
    throw new RangeError(
      `mac of a ${model.title} derives from its serial number: leave it out or use ${defaultMac(model, serial)}`,
    );
  }
  return { model, serial, mac, revision: options.revision ?? model.revision, shortSerial: lowSerial(serial) };
};

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

/** A board of this model with a serial number and MAC such as the factory gives. */
export const randomIdentity = (model: ModelName, random: Random): BoardIdentity => {
  const { serialUpperHalf, macFromSerial, ouis } = models[model];
  const upper = serialUpperHalf === 'any' ? hex(random.uint32(), 8) : serialUpperHalf;
  const serial = upper + hex(random.uint32(), 8);
  if (macFromSerial) return createIdentity({ model, serial });
  const pairs = [0, 1, 2].map(() => hex(random.between(0, 255), 2));
  return createIdentity({ model, serial, mac: [random.pick(ouis), ...pairs].join(':') });
};

/** The bytes of a MAC address. */
export const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex');
