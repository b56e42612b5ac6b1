import { CpiFailure } from './failure.js';

/** A request as every method has it. Arguments are checked by the method. */
export interface Request {
  readonly method: string;
  readonly arguments: readonly unknown[];
  /** What the director says of itself, and whatever stands in the CPI config. */
  readonly context: Readonly<Record<string, unknown>>;
  /** 1: the caller says none. */
  readonly apiVersion: number;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads a request; refuses one that is none with CpiError. By hand, so that a call that needs no server reads no schemas. */
export const parseRequest = (text: string): Request => {
  const refuse = (what: string): never => {
    throw new CpiFailure('CpiError', `The request ${what}.`);
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('is not JSON');
  }
  if (!isObject(value)) return refuse('is not a JSON object');
  const { method, arguments: given, context = {}, api_version: apiVersion = 1 } = value;
  if (typeof method !== 'string' || method === '') return refuse('has no method');
  if (!Array.isArray(given)) return refuse('has no list of arguments');
  if (context !== null && !isObject(context)) return refuse('has a context that is not an object');
  if (typeof apiVersion !== 'number' || !Number.isInteger(apiVersion) || apiVersion < 1)
    return refuse('has an api_version that is not a whole number from 1 on');
  return { method, arguments: given as unknown[], context: context ?? {}, apiVersion };
};
