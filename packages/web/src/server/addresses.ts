/** Where to ask for what listens on every address of the server: where this page came from. Others are as they are. */
export const reachable = (url: string, hostname: string): string =>
  url.replace(/^(https?:\/\/)(?:0\.0\.0\.0|\[::\])(?=[:/]|$)/, `$1${hostname}`);
