import * as z from 'zod';

/** A name or an IP address. Never one that a program could take for an option. */
const Host = z.union([
  z
    .string()
    .max(253)
    .regex(
      /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}))*$/,
      'is neither a host name nor an address',
    ),
  z.ipv6('is neither a host name nor an address'),
]);
const Port = z.number().int().min(1).max(65_535);

/** `tcp`: what a ser2net or a terminal server gives, raw or with telnet's own bytes in it. */
export const TcpConsole = z.strictObject({
  kind: z.literal('tcp'),
  host: Host,
  port: Port,
  telnet: z.boolean().default(false),
});
/** `ssh`: a program on another host, which has the serial line. */
export const SshConsole = z.strictObject({
  kind: z.literal('ssh'),
  host: Host,
  port: Port.default(22),
  user: z.string().regex(/^[a-z_][a-z0-9_.-]{0,31}$/, 'is no user name'),
  /** Run by the user's shell on that host: `picocom -q /dev/ttyUSB0`. */
  command: z
    .string()
    .min(1)
    .max(500)
    .regex(/^[\x20-\x7e]+$/, 'holds characters that are not printable ASCII')
    .regex(/^[^-]/, 'begins with a hyphen'),
});
/** Where the serial console of a device is. */
export const DeviceConsole = z.discriminatedUnion('kind', [TcpConsole, SshConsole]);
export type DeviceConsole = z.infer<typeof DeviceConsole>;

/** Keys for a console: text, or bytes that are none. */
export const ConsoleInput = z
  .strictObject({ text: z.string().min(1).max(4096).optional(), base64: z.base64().min(4).max(8192).optional() })
  .refine(({ text, base64 }) => (text === undefined) !== (base64 === undefined), {
    message: 'give either text or base64',
  });
export type ConsoleInput = z.infer<typeof ConsoleInput>;
