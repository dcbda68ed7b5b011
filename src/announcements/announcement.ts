import { z } from 'zod';
import { sha256Schema } from '../formats/sha256.js';
import { featureSpecSchema } from '../spec/feature-spec.js';

/** A finished feature set: references and its spec, never a tensor. Entries of version 0.1 lack some of the spec. */
export const announcementSchema = featureSpecSchema.strip().extend({
  featuresId: sha256Schema,
  jobId: z.string(),
  batch: z.object({ id: z.string(), line: z.int().positive(), name: z.string() }).optional(),
  /** The name of the key that submitted the job; none where the server asks for no keys. */
  owner: z.string().optional(),
  /** False where the archive was in the store already. */
  made: z.boolean(),
});
export type Announcement = z.infer<typeof announcementSchema>;

/** An announcement with its position in the stream. */
export interface Announced {
  /** `<milliseconds>-<number>`, ascending. */
  readonly id: string;
  readonly announcement: Announcement;
}

/** Which announcements a subscriber wants; an empty list is no condition. */
export interface AnnouncementFilter {
  readonly models: readonly string[];
  readonly batches: readonly string[];
}

export function matches({ models, batches }: AnnouncementFilter, { model, batch }: Announcement): boolean {
  return (
    (models.length === 0 || models.includes(model)) &&
    (batches.length === 0 || (batch !== undefined && batches.includes(batch.id)))
  );
}

/**
 * An announcement as fields of a stream entry. The fields that filters read stand beside the rest, for the scripts in
 * Redis; `batch` is empty where there is none.
 */
export function toFields(announcement: Announcement): string[] {
  const { model, batch, owner } = announcement;
  const data = ['model', model, 'batch', batch?.id ?? '', 'data', JSON.stringify(announcement)];
  return owner === undefined ? data : [...data, 'owner', owner];
}

/** The inverse, of an entry as Redis returns it. */
export function fromEntry([id, fields]: readonly [id: string, fields: readonly string[]]): Announced {
  const data = fields[fields.indexOf('data') + 1]!;
  return { id, announcement: announcementSchema.parse(JSON.parse(data)) };
}
