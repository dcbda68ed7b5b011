import { z } from 'zod';
import { findModel } from '../../backbone/catalogue.js';
import { CairnError } from '../../errors.js';
import type { AnnouncementFilter } from '../../announcements/announcement.js';
import type { ConsumeOptions } from '../../announcements/consume.js';
import { isEntryId } from '../../redis/entry-id.js';
import type { FollowOptions } from '../../announcements/follow.js';

export const MAX_PREFETCH = 100;
/** Ids in one request to acknowledge or extend. */
const MAX_IDS = 1000;
/** Values of one filter. */
const MAX_WANTED = 100;
const MAX_NAME = 64;
const DAY_MS = 24 * 3600_000;

type Query = Readonly<Record<string, unknown>>;

export type StreamRequest =
  | { readonly kind: 'follow'; readonly options: FollowOptions }
  | {
      readonly kind: 'consume';
      readonly group: string;
      readonly consumer: string;
      readonly options: ConsumeOptions;
    };

const FOLLOW_NAMES = ['model', 'batch', 'after'] as const;
const CONSUME_NAMES = ['group', 'consumer', 'prefetch', 'redeliverAfterMs', 'from', 'model', 'batch'] as const;

const NAME_RULE = `must be 1 to ${MAX_NAME} of the characters A-Z a-z 0-9 . _ -, and not . or ..`;
// The two that clients resolve as steps of a path: nobody could acknowledge to such a group, or delete it.
const nameSchema = z.string(NAME_RULE).regex(new RegExp(`^(?!\\.{1,2}$)[A-Za-z0-9._-]{1,${MAX_NAME}}$`), NAME_RULE);
const wholeNumber = (least: number, most: number, fallback: number) => {
  const rule = `must be a whole number from ${least} to ${most}`;
  return z.coerce.number(rule).int(rule).min(least, rule).max(most, rule).default(fallback);
};
const POSITION_RULE = 'must be the id of an event, or 0 for the oldest that is held';
const positionSchema = z.string(POSITION_RULE).refine((id) => id === '0' || isEntryId(id), POSITION_RULE);
const wantedSchema = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => [value].flat().flatMap((text) => text.split(',')))
  .pipe(z.array(z.string().min(1).max(200)).max(MAX_WANTED, `may name at most ${MAX_WANTED}`));

const filters = { model: wantedSchema.optional(), batch: wantedSchema.optional() };
const followSchema = z.object({ ...filters, after: positionSchema.optional() });
const consumeSchema = z.object({
  ...filters,
  group: nameSchema,
  consumer: nameSchema,
  prefetch: wholeNumber(1, MAX_PREFETCH, 1),
  redeliverAfterMs: wholeNumber(100, DAY_MS, 60_000),
  from: positionSchema.default('$'),
});

const ids = z
  .array(z.string().refine(isEntryId, 'must be the id of an event'))
  .min(1, 'must name at least one')
  .max(MAX_IDS, `may name at most ${MAX_IDS}`);
const acknowledgeSchema = z.strictObject({ ids });
const extendSchema = z.strictObject({ consumer: nameSchema, ids });

/**
 * What is asked of `GET /v1/stream`. `lastEventId` is the header of a client that comes back; a consumer of a group
 * needs none, since the group knows where it is.
 *
 * @throws CairnError `option-unknown`, `option-invalid` or `model-unknown`.
 */
export function parseStreamRequest(query: Query, lastEventId: string | undefined): StreamRequest {
  if (query['group'] === undefined && query['consumer'] === undefined) {
    const after = lastEventId === undefined || lastEventId === '' ? query['after'] : lastEventId;
    const { model, batch, ...options } = read(followSchema, FOLLOW_NAMES, { ...query, after });
    return { kind: 'follow', options: { after: options.after, filter: filterOf(model, batch) } };
  }
  const { model, batch, group, consumer, ...rest } = read(consumeSchema, CONSUME_NAMES, query);
  const filter = model || batch ? filterOf(model, batch) : undefined;
  return { kind: 'consume', group, consumer, options: { ...rest, filter } };
}

/** @throws CairnError `option-invalid`. */
export function parseGroupName(name: string): string {
  return checked(nameSchema, name, 'group');
}

/** The body of a request to acknowledge. @throws CairnError `request-malformed`, `option-unknown`, `option-invalid`. */
export function parseAcknowledge(body: unknown): readonly string[] {
  return checked(acknowledgeSchema, objectOf(body, '{"ids": ["…"]}')).ids;
}

/** The body of a request to extend. @throws CairnError as `parseAcknowledge`. */
export function parseExtend(body: unknown): { readonly consumer: string; readonly ids: readonly string[] } {
  return checked(extendSchema, objectOf(body, '{"consumer": "…", "ids": ["…"]}'));
}

function read<T extends z.ZodType>(schema: T, names: readonly string[], query: Query): z.output<T> {
  const unknown = Object.keys(query).find((name) => query[name] !== undefined && !names.includes(name));
  if (unknown !== undefined) {
    throw new CairnError('option-unknown', `There is no option "${unknown}" here; known are ${names.join(', ')}.`);
  }
  return checked(schema, query);
}

function checked<T extends z.ZodType>(schema: T, value: unknown, name = ''): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  if (issue.code === 'unrecognized_keys') throw new CairnError('option-unknown', `There is no "${issue.keys[0]}".`);
  throw new CairnError('option-invalid', `${issue.path.join('.') || name}: ${issue.message}.`);
}

function objectOf(body: unknown, form: string): object {
  if (typeof body === 'object' && body !== null && !Array.isArray(body) && !('pipe' in body)) return body;
  throw new CairnError('request-malformed', `The body must be JSON, ${form}.`);
}

/** A model that does not exist would be waited for in vain. */
function filterOf(models: readonly string[] = [], batches: readonly string[] = []): AnnouncementFilter {
  for (const name of models) findModel(name);
  return { models, batches };
}
