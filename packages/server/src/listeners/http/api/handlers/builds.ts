import { success } from '@drover/contract';
import type { Builds } from '../../../../app/builds/builds.js';
import type { BytesHandlers, Handlers, TextHandlers } from '../handlers.js';

export interface BuildUseCases {
  readonly builds: Builds;
}

type Operations = 'listBuilds' | 'createBuild' | 'getBuild' | 'updateBuild' | 'deleteBuild';

/** `getBuildFile` answers with bytes, `getBuildLog` with a text. */
export const buildHandlers = ({
  builds,
}: BuildUseCases): {
  handlers: Pick<Handlers, Operations>;
  bytes: Pick<BytesHandlers, 'getBuildFile'>;
  texts: Pick<TextHandlers, 'getBuildLog'>;
} => ({
  handlers: {
    listBuilds: async ({ principal }, { query }) => success(await builds.list(principal, query)),
    createBuild: ({ principal, also }, { body }) => builds.create(principal, body, also),
    getBuild: ({ principal }, { params }) => builds.get(principal, params.id),
    updateBuild: ({ principal }, { params, body }) => builds.update(principal, params.id, body),
    deleteBuild: ({ principal }, { params }) => builds.remove(principal, params.id),
  },
  bytes: {
    getBuildFile: ({ principal }, { params }) => builds.file(principal, params.id, params.name),
  },
  texts: {
    getBuildLog: ({ principal, signal }, { params, query }) => builds.log(principal, params.id, query, signal),
  },
});
