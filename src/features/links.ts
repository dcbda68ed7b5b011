import { z } from 'zod';
import { sha256Schema } from '../formats/sha256.js';

const path = z.string();

/** A feature set by its id and the path of its description. */
export const featureRefSchema = z
  .object({ id: sha256Schema, href: path })
  .meta({ id: 'FeatureSetReference', description: 'A feature set: its id and the path of its description.' });
export type FeatureRef = z.infer<typeof featureRefSchema>;

/** Paths below which a feature set is served. */
export const featureLinksSchema = z
  .object({
    self: path,
    safetensors: path.meta({ description: 'The levels as one safetensors stream.' }),
    archive: path.meta({ description: 'The archive as one zip file.' }),
    zarr: path.meta({ description: 'The archive as a remote Zarr group.' }),
    regions: path.meta({ description: 'Takes boxes by POST and returns their pooled regions.' }),
  })
  .meta({ id: 'FeatureSetLinks', description: 'Paths on this server.' });
export type FeatureLinks = z.infer<typeof featureLinksSchema>;

export function featureRef(id: string): FeatureRef {
  return { id, href: `/v1/features/${id}` };
}

export function featureLinks(id: string): FeatureLinks {
  const self = `/v1/features/${id}`;
  return {
    self,
    safetensors: `${self}.safetensors`,
    archive: `${self}.zarr.zip`,
    zarr: `${self}.zarr`,
    regions: `${self}/roi-align`,
  };
}
