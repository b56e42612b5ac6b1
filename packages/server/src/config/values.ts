import { isIP } from 'node:net';
import * as z from 'zod';
import { parseSize } from '@drover/documents';

/** Where a listener listens. `host` is an IP address (`0.0.0.0` and `::` mean all), `port` 0 lets the system choose. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** `10.0.0.1:8080`, `[::1]:8080` or `8080` (all IPv4 addresses), as an address; undefined when it is none of them. */
export const parseListenAddress = (text: string): ListenAddress | undefined => {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text.trim());
  if (match === null) return undefined;
  const host = match[1] ?? (match[2] === undefined || match[2] === '' || match[2] === '*' ? '0.0.0.0' : match[2]);
  const port = Number(match[3]);
  const known = host === 'localhost' ? '127.0.0.1' : host;
  return isIP(known) === 0 || port > 65_535 ? undefined : { host: known, port };
};

/** The other way round, for logs and URLs. */
export const listenAddressText = ({ host, port }: ListenAddress): string =>
  isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;

export const Listen = z
  .union([z.string(), z.number().int()])
  .transform((value, context): ListenAddress => {
    const address = parseListenAddress(String(value));
    if (address !== undefined) return address;
    context.addIssue({ code: 'custom', message: `is not an address like 0.0.0.0:8080 or [::]:8080` });
    return z.NEVER;
  })
  .meta({ kind: 'address:port' });

export const Size = z
  .union([z.string(), z.number()])
  .transform((value, context): number => {
    const bytes = parseSize(String(value));
    if (bytes !== undefined && Number.isSafeInteger(bytes)) return bytes;
    context.addIssue({ code: 'custom', message: 'is not a size like 512MiB, 8GiB or a number of bytes' });
    return z.NEVER;
  })
  .meta({ kind: 'size' });

/** A whole number between two bounds. */
export const whole = (min: number, max: number) => z.number().int().min(min).max(max);
export const Port = whole(0, 65_535);
export const Ipv4Address = z.ipv4('is not an IPv4 address');
/** Accepts upper case and hyphens, as people copy them from stickers. */
export const MacText = z
  .string()
  .transform((text) => text.toLowerCase().replaceAll('-', ':'))
  .pipe(z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/, 'is not a MAC like dc:a6:32:01:36:c2'))
  .meta({ kind: 'MAC' });

/** A zone that this machine's Node knows the clock of. */
export const TimeZone = z
  .string()
  .refine((zone) => {
    try {
      return Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
    } catch {
      return false;
    }
  }, 'is not a time zone like UTC or Europe/Berlin')
  .meta({ kind: 'time zone' });
