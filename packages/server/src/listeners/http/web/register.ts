import type { FastifyInstance } from 'fastify';
import type { WebSessions } from '../../../app/tenants/web-sessions.js';
import { readAssets, type Assets } from './assets.js';
import { registerAssetRoutes } from './asset-routes.js';
import { registerSessionRoutes, type SessionRouteDeps } from './session-routes.js';

export interface Dashboard {
  /** Where its built files lie. */
  readonly folder: string;
  readonly webSessions: WebSessions;
}

/** The dashboard and its sessions, below `/ui/`. Its files are read when they are first asked for. */
export const registerWeb = async (
  app: FastifyInstance,
  { folder, webSessions }: Dashboard,
  api: SessionRouteDeps['api'],
): Promise<void> => {
  let reading: Promise<Assets | undefined> | undefined;
  const assets = async (): Promise<Assets | undefined> => {
    reading ??= readAssets(folder);
    const read = await reading;
    // Whoever builds it while the server runs need not start that again.
    if (read === undefined) reading = undefined;
    return read;
  };
  await app.register(async (scope) => {
    registerSessionRoutes(scope, { api, webSessions });
  });
  registerAssetRoutes(app, assets);
};
