import { DroverError } from '@drover/sdk';
import { queryOptions } from '@tanstack/react-query';
import { client } from '../../api/client.js';
import { queryClient } from '../../api/queries.js';

const versionsShown = 20;

/** The layer of one board. */
export const layerOf = (device: string): string => `device:${device}`;

/** Where nobody has said anything there is nothing, which is no fault. */
const orNull = async <T>(asked: Promise<T>): Promise<T | null> => {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof DroverError && error.code === 'boot-config.not-found') return null;
    throw error;
  }
};

export const effectiveConfig = (device: string) =>
  queryOptions({
    queryKey: ['boot-configs', device, 'effective'],
    queryFn: ({ signal }) => client.bootLayers.explain({ params: { layer: layerOf(device) } }, { signal }),
  });

/** What this board says itself; null: nothing, and it never did. */
export const ownLayer = (device: string) =>
  queryOptions({
    queryKey: ['boot-configs', device, 'own'],
    queryFn: ({ signal }) => orNull(client.bootLayers.get({ params: { layer: layerOf(device) } }, { signal })),
  });

export const layerVersions = (device: string) =>
  queryOptions({
    queryKey: ['boot-configs', device, 'versions'],
    queryFn: async ({ signal }) => {
      const input = { params: { layer: layerOf(device) }, query: { limit: versionsShown } };
      return (await orNull(client.bootLayers.versions(input, { signal })))?.items ?? [];
    },
  });

export const layerDiff = (device: string, from: number, to: number) =>
  queryOptions({
    queryKey: ['boot-configs', device, 'diff', from, to],
    queryFn: ({ signal }) =>
      client.bootLayers.diff({ params: { layer: layerOf(device) }, query: { from, to } }, { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const readConfigAnew = (device: string): void => {
  void queryClient.invalidateQueries({ queryKey: ['boot-configs', device] });
};
