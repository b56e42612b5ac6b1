/**
 * Telnet as terminal servers speak it (RFC 854, 855), from a client's side: what is shown is told apart from what is negotiated. Nothing is wanted but
 * plain bytes: ECHO (RFC 857) and SUPPRESS-GO-AHEAD (RFC 858) of the server and BINARY (RFC 856) of both are agreed to, everything else is refused.
 */

/** RFC 854, "TELNET command structure". */
const command = { se: 240, sb: 250, will: 251, wont: 252, do: 253, dont: 254, iac: 255 } as const;
const binary = 0;
/** What the server may do, and what we do. */
const welcome: ReadonlySet<number> = new Set([binary, 1, 3]);
const ours: ReadonlySet<number> = new Set([binary, 3]);

export interface TelnetRead {
  /** What is shown. */
  readonly data: Uint8Array;
  /** What has to be sent back; empty where there is nothing. */
  readonly reply: Uint8Array;
}

export interface TelnetClient {
  /** Takes bytes as they come, cut anywhere. */
  read(bytes: Uint8Array): TelnetRead;
  /** What is typed, as it has to be sent. */
  write(bytes: Uint8Array): Uint8Array;
}

type State = 'data' | 'command' | 'option' | 'subnegotiation' | 'subnegotiation-command';

export function createTelnetClient(): TelnetClient {
  let state: State = 'data';
  let verb = 0;
  /** Options that were answered, so that two sides that confirm each other do not go on for ever (RFC 1143). */
  const answered = new Map<number, number>();

  const answer = (asked: number, option: number): number[] => {
    const isOffer = asked === command.will || asked === command.wont;
    const isYes = asked === command.will || asked === command.do;
    const agrees = isYes && (isOffer ? welcome : ours).has(option);
    const said = isOffer ? (agrees ? command.do : command.dont) : agrees ? command.will : command.wont;
    const key = (isOffer ? 256 : 0) + option;
    if (answered.get(key) === said) return [];
    answered.set(key, said);
    return [command.iac, said, option];
  };

  /** The next state after one byte; what it shows and what it asks for go to the lists. */
  const step = (byte: number, data: number[], reply: number[]): State => {
    switch (state) {
      case 'data':
        if (byte === command.iac) return 'command';
        data.push(byte);
        return 'data';
      case 'command':
        if (byte === command.iac) data.push(byte);
        if (byte === command.sb) return 'subnegotiation';
        verb = byte;
        return byte >= command.will && byte <= command.dont ? 'option' : 'data';
      case 'option':
        reply.push(...answer(verb, byte));
        return 'data';
      case 'subnegotiation':
        return byte === command.iac ? 'subnegotiation-command' : 'subnegotiation';
      case 'subnegotiation-command':
        return byte === command.se ? 'data' : 'subnegotiation';
    }
  };

  return {
    read: (bytes) => {
      const [data, reply]: [number[], number[]] = [[], []];
      for (const byte of bytes) state = step(byte, data, reply);
      return { data: Uint8Array.from(data), reply: Uint8Array.from(reply) };
    },
    write: (bytes) => {
      const out: number[] = [];
      for (const byte of bytes) out.push(...(byte === command.iac ? [byte, byte] : [byte]));
      return Uint8Array.from(out);
    },
  };
}
