import { refusal, type Refusal, success, type Result } from '@drover/contract';

/** Another host, as ssh(1) takes it. */
export interface SshAddress {
  readonly user: string | null;
  /** A name, an IPv4 or an IPv6 address without brackets; or a host of ssh_config(5). */
  readonly host: string;
  readonly port: number | null;
}

const wrong = (text: string, why: string): Refusal =>
  refusal('request.invalid', `${text} ${why}.`, {
    remedy: 'Name a host as ssh://USER@HOST:PORT; user and port may be left out.',
    errors: [{ field: 'on', message: why }],
  });

/** What a word of ssh's command line may be: nothing that begins as an option, nothing a shell would read. */
const hostPattern = /^[A-Za-z0-9][A-Za-z0-9._:%-]*$/;
const userPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;

/** Reads `ssh://[user@]host[:port]` (draft-ietf-secsh-scp-sftp-ssh-uri). A password in it is refused: it would be seen by everybody on this machine. */
export const parseSshAddress = (text: string): Result<SshAddress> => {
  const parts = /^ssh:\/\/(?:([^@/]*)@)?(?:\[([^\]/]+)\]|([^:/@[\]]+))(?::(\d{1,5}))?\/?$/.exec(text);
  if (parts === null) return wrong(text, 'is not an address as ssh://HOST');
  const [, user = null, address, name, digits] = parts;
  const host = address ?? name ?? '';
  const port = digits === undefined ? null : Number(digits);
  if (user?.includes(':') === true)
    return wrong('The address of the host', 'holds a password, which ssh asks for itself');
  if (user !== null && !userPattern.test(user)) return wrong(text, 'has no user that ssh could log in as');
  if (!hostPattern.test(host)) return wrong(text, 'has no host that ssh could reach');
  if (port !== null && (port < 1 || port > 65_535)) return wrong(text, 'has a port that is none');
  return success({ user, host, port });
};

export const placeOf = ({ user, host }: SshAddress): string => (user === null ? host : `${user}@${host}`);
