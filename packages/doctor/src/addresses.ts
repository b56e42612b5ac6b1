/** IPv4 addresses as numbers, for what lies in which network. */
const isQuad = (text: string): boolean =>
  /^(\d{1,3}\.){3}\d{1,3}$/.test(text) && text.split('.').every((part) => Number(part) <= 255);

export const addressNumber = (text: string): number | undefined =>
  isQuad(text) ? text.split('.').reduce((number, part) => number * 256 + Number(part), 0) : undefined;

/** Whether two addresses are in one network of this mask; undefined where one of the three is no address. */
export const sameNetwork = (one: string, other: string, mask: string): boolean | undefined => {
  const [a, b, m] = [addressNumber(one), addressNumber(other), addressNumber(mask)];
  return a === undefined || b === undefined || m === undefined ? undefined : (a & m) >>> 0 === (b & m) >>> 0;
};
