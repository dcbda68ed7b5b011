import { z } from 'zod';
import type { AnnouncementFilter } from '../../announcements/announcement.js';
import { isEntryId } from '../../redis/entry-id.js';
import { findModel } from '../../backbone/catalogue.js';
import { viewOf, type Caller } from '../../keys/api-key.js';
import { listOf, parse, wholeNumber } from '../../parse.js';

export const MAX_PREFETCH = 100;
/** Ids in one request to acknowledge or extend. */
export const MAX_IDS = 1000;
/** Values of one filter. */
const MAX_WANTED = 100;
const MAX_NAME = 64;
const DAY_MS = 24 * 3600_000;

type Query = Readonly<Record<string, unknown>>;

const NAME_RULE = `must be 1 to ${MAX_NAME} of the characters A-Z a-z 0-9 . _ -, and not . or ..`;
/** Excludes `.` and `..`, which URL parsers normalise: such a group could not be acknowledged to or deleted. */
const nameSchema = z.string(NAME_RULE).regex(new RegExp(`^(?!\\.{1,2}$)[A-Za-z0-9._-]{1,${MAX_NAME}}$`), NAME_RULE);
const POSITION_RULE = 'must be the id of an event, or 0 for the oldest that is held';
const positionSchema = z.string(POSITION_RULE).refine((id) => id === '0' || isEntryId(id), POSITION_RULE);
const wantedSchema = listOf(z.string().min(1).max(200)).refine(
  (values) => values.length <= MAX_WANTED,
  `may name at most ${MAX_WANTED}`,
);

const filters = {
  model: wantedSchema.optional().meta({ description: 'Only feature sets of these models.' }),
  batch: wantedSchema.optional().meta({ description: 'Only feature sets of these batches.' }),
};
const followSchema = z.strictObject({
  ...filters,
  after: positionSchema
    .optional()
    .meta({ description: 'Subscribers: as Last-Event-ID; 0 is the oldest event that is kept. Default: from now on.' }),
});
const consumeSchema = z.strictObject({
  ...filters,
  group: nameSchema.meta({ description: 'Consumers: each feature set goes to one consumer of the group.' }),
  consumer: nameSchema.meta({ description: 'Consumers: name of this one in its group.' }),
  prefetch: wholeNumber(1, MAX_PREFETCH)
    .default(1)
    .meta({ description: 'Consumers: most sets that are delivered and not acknowledged.' }),
  redeliverAfterMs: wholeNumber(100, DAY_MS)
    .default(60_000)
    .meta({ description: 'Consumers: a set that is not acknowledged for this long is delivered again.' }),
  from: positionSchema
    .optional()
    .meta({ description: 'Consumers: where a new group begins: an id, or 0 for the oldest. Default: from now on.' }),
});
/** Both, for the OpenAPI document: a request with neither group nor consumer subscribes. */
export const streamQuerySchema = followSchema.extend(consumeSchema.partial().shape);

const ids = z
  .array(z.string().refine(isEntryId, 'must be the id of an event'))
  .min(1, 'must name at least one')
  .max(MAX_IDS, `may name at most ${MAX_IDS}`)
  .meta({ example: '1732187412345-0' });
export const acknowledgeSchema = z
  .strictObject({ ids })
  .meta({ id: 'AcknowledgeRequest', description: 'Feature sets to acknowledge.' });
export const extendSchema = z
  .strictObject({ consumer: nameSchema, ids })
  .meta({ id: 'ExtendRequest', description: 'Feature sets that a consumer still works on.' });

/**
 * The request to `GET /v1/stream`. `lastEventId` is the header of a subscriber that reconnects; a consumer needs none,
 * since its group has the position.
 *
 * @throws CairnError `option-unknown`, `option-invalid` or `model-unknown`.
 */
export function parseStreamRequest(query: Query, lastEventId: string | undefined) {
  if (query['group'] === undefined && query['consumer'] === undefined) {
    const after = lastEventId === undefined || lastEventId === '' ? query['after'] : lastEventId;
    const { model, batch, ...options } = parse(followSchema, { ...query, after });
    return { kind: 'follow' as const, options: { ...options, filter: filterOf(model, batch) } };
  }
  const { model, batch, group, consumer, from = '$', ...rest } = parse(consumeSchema, query);
  const filter = model || batch ? filterOf(model, batch) : undefined;
  return { kind: 'consume' as const, group, consumer, options: { ...rest, from, filter } };
}

/**
 * The name by which Redis knows a group: with keys, that of its owner comes first, so that groups of different keys may have the
 * same name. A caller that sees everything names the groups of others in that form, `owner/group`.
 *
 * @throws CairnError `option-invalid`.
 */
export function parseGroupName(name: string, caller: Caller | undefined): string {
  const parts = name.split('/');
  if (parts.length === 2 && viewOf(caller) === undefined) {
    const [owner = '', group = ''] = parts;
    return qualified(owner === '' ? undefined : parseName(owner), parseName(group));
  }
  return qualified(caller?.name, parseName(name));
}

function qualified(owner: string | undefined, group: string): string {
  return owner === undefined ? group : `${owner}/${group}`;
}

/** The inverse. */
export function splitGroupName(qualifiedName: string): { readonly name: string; readonly owner?: string } {
  const [owner, name] = qualifiedName.split('/') as [string, string?];
  return name === undefined ? { name: owner } : { name, owner };
}

function parseName(name: string): string {
  return parse(nameSchema, name, { name: 'group' });
}

/** Rejects a model that does not exist: its features would never come. */
function filterOf(models: readonly string[] = [], batches: readonly string[] = []): AnnouncementFilter {
  for (const name of models) findModel(name);
  return { models, batches };
}
