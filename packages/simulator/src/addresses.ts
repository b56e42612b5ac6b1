import { lookup as nameLookup, type LookupOneOptions } from 'node:dns';

const dottedQuad = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** True for an IPv4 address as firmware reads one. */
export const isDottedQuad = (text: string): boolean => {
  const match = dottedQuad.exec(text);
  return match !== null && match.slice(1).every((part) => Number(part) <= 255);
};

/** The four bytes of a dotted quad. */
export const addressBytes = (address: string): Buffer => Buffer.from(address.split('.').map(Number));

type LookupCallback = (error: NodeJS.ErrnoException | null, address: string, family: number) => void;

/** A socket's name lookup that does not go through the resolver for what is an address already: a board sends thousands of small datagrams. */
export const numericLookup = (name: string, options: LookupOneOptions, callback: LookupCallback): void => {
  if (isDottedQuad(name)) callback(null, name, 4);
  else nameLookup(name, options, callback);
};
