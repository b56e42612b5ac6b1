import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import * as snmp from 'net-snmp';
import { PowerFault } from '../driver.js';
import type { SnmpSettings } from '../settings.js';

/** UDP loses packets: one that is not answered is sent again until the attempt is over. */
const resend = { timeout: 1500, retries: 60 };

/**
 * Sockets that hear the one that was asked, and nobody else: net-snmp takes an answer from anywhere, and lets what it cannot read
 * end the process.
 */
const socketsFor = (address: string, port: number) => ({
  createSocket: (type: 'udp4' | 'udp6'): Socket => {
    const socket = createSocket(type);
    const emit = socket.emit.bind(socket) as (event: string | symbol, ...args: unknown[]) => boolean;
    return Object.assign(socket, {
      emit: (event: string | symbol, ...args: unknown[]): boolean => {
        if (event !== 'message') return emit(event, ...args);
        const from = args[1] as RemoteInfo;
        if (from.address !== address || from.port !== port) return false;
        try {
          return emit(event, ...args);
        } catch {
          return false;
        }
      },
    });
  },
});

const userOf = ({
  username = '',
  authProtocol,
  authKey = '',
  privProtocol,
  privKey = '',
}: SnmpSettings): snmp.User => ({
  name: username,
  level: snmp.SecurityLevel.authPriv,
  authProtocol: snmp.AuthProtocols[authProtocol],
  authKey,
  privProtocol: snmp.PrivProtocols[privProtocol],
  privKey,
});

async function open(settings: SnmpSettings): Promise<snmp.Session> {
  const { host, port, version, community = '' } = settings;
  const { address, family } = await lookup(host).catch((fault: NodeJS.ErrnoException) => {
    throw new PowerFault(`the name of the switch is not known (${fault.code})`, 'Look at host of the driver.');
  });
  const options = {
    ...resend,
    port,
    transport: family === 6 ? ('udp6' as const) : ('udp4' as const),
    dgramModule: socketsFor(address, port),
  };
  const session =
    version === '3'
      ? snmp.createV3Session(address, userOf(settings), options)
      : snmp.createSession(address, community, { ...options, version: snmp.Version2c });
  // What cannot be read is no answer.
  session.on('error', () => undefined);
  return session;
}

/** Its own words may hold digests made with our keys. */
const faultOf = (fault: Error): PowerFault => {
  const { name, code } = fault as NodeJS.ErrnoException;
  const { status } = fault as Partial<snmp.RequestFailedError>;
  if (name === 'RequestFailedError')
    return new PowerFault(
      `the switch refused it: ${snmp.ErrorStatus[status ?? snmp.ErrorStatus.GeneralError]}`,
      'Look whether community or user may write, and at the port.',
    );
  if (name === 'ResponseInvalidError')
    return new PowerFault(
      'the switch did not take the user, or its answer cannot be trusted',
      'Look at username, protocols and keys of the driver.',
    );
  if (name === 'RequestTimedOutError')
    return new PowerFault(
      'the switch does not answer',
      'Look whether the server reaches it, and at its community or user.',
    );
  return new PowerFault(`the switch could not be asked (${code ?? name})`);
};

export interface SnmpAgent {
  readonly get: (oid: string) => Promise<number>;
  readonly set: (oid: string, value: number) => Promise<void>;
}

type Begin = (done: snmp.GetSetCallback) => void;

const integerOf = (varbinds: readonly snmp.Varbind[] | undefined): number => {
  const varbind = varbinds?.[0];
  if (varbind === undefined || snmp.isVarbindError(varbind) || typeof varbind.value !== 'number')
    throw new PowerFault('the switch has no such PoE port', 'Look at the values port and group of the board.');
  return varbind.value;
};

const ask = (begin: Begin): Promise<number> =>
  new Promise<snmp.Varbind[] | undefined>((resolve, reject) => {
    begin((fault, varbinds) => {
      if (fault === null) resolve(varbinds);
      else reject(faultOf(fault));
    });
  }).then(integerOf);

/** Lets `work` speak to the switch until it is done or the signal is aborted, which is thrown. */
export const withAgent = async <T>(
  settings: SnmpSettings,
  signal: AbortSignal,
  work: (agent: SnmpAgent) => Promise<T>,
): Promise<T> => {
  const done = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: done.signal });
  });
  const opened = open(settings);
  const worked = opened.then((session) =>
    work({
      get: (oid) => ask((done) => session.get([oid], done)),
      set: async (oid, value) => {
        await ask((done) => session.set([{ oid, type: snmp.ObjectType.Integer, value }], done));
      },
    }),
  );
  try {
    return await Promise.race([worked, aborted]);
  } finally {
    done.abort();
    aborted.catch(() => undefined);
    worked.catch(() => undefined);
    void opened.then((session) => session.close()).catch(() => undefined);
  }
};
