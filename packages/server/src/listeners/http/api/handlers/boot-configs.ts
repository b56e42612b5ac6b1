import type { CardBindings } from '../../../../app/configs/bindings.js';
import type { BootLayers } from '../../../../app/configs/layers.js';
import type { Handlers } from '../handlers.js';

export interface BootConfigUseCases {
  readonly bootLayers: BootLayers;
  readonly cardBindings: CardBindings;
}

type Operations =
  | 'listBootLayers'
  | 'getBootLayer'
  | 'putBootLayer'
  | 'deleteBootLayer'
  | 'listBootLayerVersions'
  | 'diffBootLayer'
  | 'revertBootLayer'
  | 'explainBootConfig'
  | 'bindCard'
  | 'unbindCard';

export const bootConfigHandlers = ({ bootLayers, cardBindings }: BootConfigUseCases): Pick<Handlers, Operations> => ({
  listBootLayers: ({ principal }, { query }) => bootLayers.list(principal, query),
  getBootLayer: ({ principal }, { params }) => bootLayers.get(principal, params.layer),
  putBootLayer: ({ principal, ifMatch }, { params, body }) => bootLayers.put(principal, params.layer, body, ifMatch),
  deleteBootLayer: ({ principal, ifMatch }, { params, query }) =>
    bootLayers.remove(principal, params.layer, query.reason, ifMatch),
  listBootLayerVersions: ({ principal }, { params, query }) => bootLayers.versions(principal, params.layer, query),
  diffBootLayer: ({ principal }, { params, query }) => bootLayers.diff(principal, params.layer, query),
  revertBootLayer: ({ principal, ifMatch }, { params, body }) =>
    bootLayers.revert(principal, params.layer, body, ifMatch),
  explainBootConfig: ({ principal }, { params }) => bootLayers.explain(principal, params.layer),
  bindCard: ({ principal }, { params }) => cardBindings.bind(principal, params.ref, params),
  unbindCard: ({ principal }, { params }) => cardBindings.unbind(principal, params.ref, params),
});
