/** What the device runtime reads from the kernel's command line (device/README.md, contract/device-api). */
import { deviceValue, kernelParameters } from '@drover/contract';

export interface RuntimeParameters {
  readonly host: string;
  readonly port: number;
  /** What stands before every path; no slash at its end. */
  readonly base: string;
  readonly session: string;
  readonly secret: string;
  /** Seconds to keep trying what may come right. */
  readonly patience: number;
  /** Seconds to a restart: the kernel's `panic`; 0 leaves it to the runtime, below 0 is at once. */
  readonly panic: number;
}

export type ParametersRead =
  { readonly ok: true; readonly parameters: RuntimeParameters } | { readonly ok: false; readonly why: string };

const defaultPatience = 120;

/** Value of the last `name=value`, if it needs no quoting in a shell. */
const parameter = (line: string, name: string): string | undefined => {
  const words = line.split(/\s+/).filter((word) => word.startsWith(`${name}=`));
  const value = words.at(-1)?.slice(name.length + 1);
  return deviceValue.safeParse(value).success ? value : undefined;
};

const wholeNumber = (text: string | undefined): number | undefined =>
  text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;

/** `http://address[:port][/path]` taken apart; undefined for anything else. */
const serverOf = (url: string): Pick<RuntimeParameters, 'host' | 'port' | 'base'> | undefined => {
  const [, host = '', port, path = ''] = /^http:\/\/([A-Za-z0-9.-]+)(?::(\d{1,5}))?(\/.*)?$/.exec(url) ?? [];
  const number = Number(port ?? 80);
  return host === '' || number > 65_535 ? undefined : { host, port: number, base: path.replace(/\/$/, '') };
};

/** @returns the parameters, or why a board with this command line cannot go on, in the runtime's own words. */
export const readParameters = (line: string): ParametersRead => {
  const server = serverOf(parameter(line, kernelParameters.url) ?? '');
  if (server === undefined) return { ok: false, why: 'drover.url on the command line is no http://address' };
  const session = parameter(line, kernelParameters.session);
  if (session === undefined) return { ok: false, why: 'there is no drover.session on the command line' };
  const secret = parameter(line, kernelParameters.secret) ?? '';
  if (!/^[0-9a-f]{32}$/.test(secret))
    return { ok: false, why: 'drover.secret on the command line is no 32 hex digits' };
  const patience = wholeNumber(parameter(line, 'drover.patience'));
  return {
    ok: true,
    parameters: {
      ...{ ...server, session, secret },
      patience: patience === undefined || patience < 0 ? defaultPatience : patience,
      panic: wholeNumber(parameter(line, 'panic')) ?? 0,
    },
  };
};
