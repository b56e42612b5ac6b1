/**
 * Errors a director knows, without the `Bosh::Clouds::` in front. It looks at `ok_to_retry` of the last four only; a type that it does not know becomes one of
 * its own, UnknownError.
 */
export const failureTypes = [
  'CpiError',
  'NotSupported',
  'NotImplemented',
  'CloudError',
  'VMNotFound',
  'NetworkNotFound',
  'NoDiskSpace',
  'DiskNotAttached',
  'DiskNotFound',
  'VMCreationFailed',
] as const;
export type FailureType = (typeof failureTypes)[number];

/** What a call ends with when it does not end well. The message is shown to people as it is. */
export class CpiFailure extends Error {
  readonly type: FailureType;
  /** Whether the director may ask for the same again at once. */
  readonly okToRetry: boolean;
  constructor(type: FailureType, message: string, options: ErrorOptions & { readonly okToRetry?: boolean } = {}) {
    super(message, options);
    this.name = 'CpiFailure';
    this.type = type;
    this.okToRetry = options.okToRetry ?? false;
  }
}
