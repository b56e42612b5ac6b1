/**
 * Private keys as OpenSSH itself has written them since 2014 and reads them to this day (PROTOCOL.key in its sources), and their public lines (RFC 4253
 * section 6.6, RFC 5656 section 3.1, RFC 8709 section 4). Keys come in as JSON Web Keys (RFC 7517, RFC 8037).
 */
export type HostKeyType = 'ed25519' | 'ecdsa' | 'rsa';

export interface PrivateJwk {
  readonly kty?: string | undefined;
  readonly crv?: string | undefined;
  readonly x?: string | undefined;
  readonly y?: string | undefined;
  readonly d?: string | undefined;
  readonly n?: string | undefined;
  readonly e?: string | undefined;
  readonly p?: string | undefined;
  readonly q?: string | undefined;
  readonly qi?: string | undefined;
}

export interface OpenSshKey {
  /** The private key file. */
  readonly privateKey: string;
  /** The line of the `.pub` file, without its end. */
  readonly publicKey: string;
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const string = (value: string | Uint8Array): Buffer => {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([uint32(bytes.length), bytes]);
};
/** RFC 4251 section 5: shortest form, a zero in front where the highest bit would make it negative. */
const mpint = (bytes: Uint8Array): Buffer => {
  const start = bytes.findIndex((byte) => byte !== 0);
  const short = start < 0 ? new Uint8Array() : bytes.subarray(start);
  return string((short[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), short]) : short);
};

const field = (jwk: PrivateJwk, name: keyof PrivateJwk): Buffer => {
  const value = jwk[name];
  if (value === undefined) throw new Error(`the key has no ${name}`);
  return Buffer.from(value, 'base64url');
};

interface Parts {
  readonly type: string;
  readonly publicFields: Buffer;
  readonly privateFields: Buffer;
}

function partsOf(jwk: PrivateJwk): Parts {
  const get = (name: keyof PrivateJwk) => field(jwk, name);
  switch (`${jwk.kty} ${jwk.crv ?? ''}`) {
    case 'OKP Ed25519': {
      const point = string(get('x'));
      const secret = string(Buffer.concat([get('d'), get('x')]));
      return { type: 'ssh-ed25519', publicFields: point, privateFields: Buffer.concat([point, secret]) };
    }
    case 'EC P-256': {
      const point = string(Buffer.concat([Buffer.from([4]), get('x'), get('y')]));
      const shared = Buffer.concat([string('nistp256'), point]);
      const privateFields = Buffer.concat([shared, mpint(get('d'))]);
      return { type: 'ecdsa-sha2-nistp256', publicFields: shared, privateFields };
    }
    case 'RSA ': {
      const names = ['n', 'e', 'd', 'qi', 'p', 'q'] as const;
      const privateFields = Buffer.concat(names.map((name) => mpint(get(name))));
      return { type: 'ssh-rsa', publicFields: Buffer.concat([mpint(get('e')), mpint(get('n'))]), privateFields };
    }
    default:
      throw new Error(`no host key can be made of a key of type ${jwk.kty} ${jwk.crv ?? ''}`);
  }
}

const lines = (text: string): string => (text.match(/.{1,70}/g) ?? []).join('\n');

/** @param check any 32-bit number; it only says, where there is a passphrase, whether the right one was given */
export function openSshKey(jwk: PrivateJwk, comment: string, check: number): OpenSshKey {
  const { type, publicFields, privateFields } = partsOf(jwk);
  const publicBlob = Buffer.concat([string(type), publicFields]);
  const plain = Buffer.concat([uint32(check), uint32(check), string(type), privateFields, string(comment)]);
  const padding = Buffer.from(Array.from({ length: -plain.length & 7 }, (_, i) => i + 1));
  const file = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    string('none'),
    string('none'),
    string(''),
    uint32(1),
    string(publicBlob),
    string(Buffer.concat([plain, padding])),
  ]);
  return {
    privateKey: `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines(file.toString('base64'))}\n-----END OPENSSH PRIVATE KEY-----\n`,
    publicKey: `${type} ${publicBlob.toString('base64')} ${comment}`,
  };
}
