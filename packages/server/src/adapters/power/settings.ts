import type { PowerDriverKind } from '@drover/contract';

/** What every driver of the settings has. */
interface Limited {
  readonly kind: PowerDriverKind;
  readonly concurrency: number;
  readonly staggerMs: number;
  readonly timeoutSeconds: number;
  readonly retries: number;
}

export interface PpiSettings extends Limited {
  readonly kind: 'ppi';
  readonly program: string;
  readonly config?: string | undefined;
  /** `bakery`: what Bakery asks of a program, and nothing else. `extended`: it can also be asked for the state. */
  readonly contract: 'bakery' | 'extended';
}

/** What the answer to a request must say; exactly one of `text`, `contains` and `json`. */
export interface Condition {
  /** The whole body. */
  readonly text?: string | undefined;
  /** Found on one line, in this order. */
  readonly contains?: string | readonly string[] | undefined;
  /** A place in a JSON document, which must be there, or be `is`. */
  readonly json?: string | undefined;
  readonly is?: string | number | boolean | undefined;
}

export interface RequestTemplate {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

export interface OrderTemplate extends RequestTemplate {
  readonly expect?: Condition | undefined;
}

export interface QuestionTemplate extends RequestTemplate {
  readonly on: Condition;
  readonly off: Condition;
}

export type PresetName = 'shelly-gen2' | 'shelly-gen1' | 'tasmota' | 'simpleweb' | 'maas-webhook';
export type Authentication = 'basic' | 'digest' | 'query';

export interface HttpSettings extends Limited {
  readonly kind: 'http';
  readonly preset?: PresetName | undefined;
  /** Where the requests of a preset begin. */
  readonly url?: string | undefined;
  readonly on?: OrderTemplate | undefined;
  readonly off?: OrderTemplate | undefined;
  readonly query?: QuestionTemplate | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  readonly auth?: Authentication | undefined;
  /** Path of the authority that certificates are checked with, in PEM. */
  readonly ca?: string | undefined;
  /** Whether boards' values may lead to this machine itself and its link. */
  readonly localAddresses: boolean;
}

export interface SnmpSettings extends Limited {
  readonly kind: 'snmp';
  readonly host: string;
  readonly port: number;
  readonly version: '2c' | '3';
  readonly community?: string | undefined;
  readonly username?: string | undefined;
  readonly authProtocol: 'sha256' | 'sha512' | 'sha384' | 'sha224' | 'sha' | 'md5';
  readonly authKey?: string | undefined;
  readonly privProtocol: 'aes' | 'aes256b' | 'aes256r';
  readonly privKey?: string | undefined;
}

export interface ManualSettings extends Limited {
  readonly kind: 'manual';
}

export type PowerDriverSettings = PpiSettings | HttpSettings | SnmpSettings | ManualSettings;
