import { z } from 'zod';
import { LEVEL_NAMES } from '../../backbone/graph/graph.js';
import { CairnError } from '../../errors.js';
import { formatPath } from '../../parse.js';

/** Parameters that Triton reserves, and ignores for models without sequences and priorities. */
const RESERVED = ['sequence_id', 'sequence_start', 'sequence_end', 'priority', 'timeout', 'headers', 'content_type'];
const RESERVED_PREFIX = 'triton_';

/** Each level is asked for once. */
const MAX_OUTPUTS = LEVEL_NAMES.length;
/** One input is supported; up to 16 are parsed so that the error can say so. */
const MAX_INPUTS = 16;
const MAX_DIMENSIONS = 4;
/** Reserved ones included. */
const MAX_PARAMETERS = 64;

/** Checks the length before the elements: millions of wrong ones would block the thread. */
const few = <T extends z.ZodType>(element: T, least: number, most: number) => {
  const rule = `must have ${least} to ${most} elements`;
  return z.array(z.unknown()).min(least, rule).max(most, rule).pipe(z.array(element));
};

const size = z.int().nonnegative();

const inputSchema = z.object({
  name: z.string(),
  shape: few(size, 1, MAX_DIMENSIONS),
  datatype: z.string(),
  /** MLServer's clients state the encoding of the data in `content_type`; the datatype says the same. */
  parameters: z.strictObject({ binary_data_size: size.optional(), content_type: z.string().optional() }).default({}),
  data: z.unknown().optional(),
});

const outputSchema = z.object({
  name: z.string(),
  parameters: z.strictObject({ binary_data: z.boolean().optional() }).default({}),
});

const parametersSchema = z.strictObject({
  binary_data_output: z.boolean().default(false),
  size: z.union([z.int(), z.string()]).optional(),
  dtype: z.string().optional(),
  precision: z.string().optional(),
  stage5: z.union([z.boolean(), z.string()]).optional(),
});

/** The request as clients write it, for the OpenAPI document; `requestSchema` also checks lengths and reserved names. */
export const inferenceRequestSchema = z
  .looseObject({
    id: z.string().max(1024).optional(),
    inputs: z
      .array(inputSchema.extend({ shape: z.array(size) }))
      .min(1)
      .max(1),
    outputs: z.array(outputSchema).max(MAX_OUTPUTS).optional(),
    parameters: parametersSchema.loose().optional(),
  })
  .meta({ id: 'InferenceRequest', description: 'Images as one tensor, and the requested levels as outputs.' });

const requestSchema = z.object({
  id: z.string().max(1024).optional(),
  inputs: few(inputSchema, 1, MAX_INPUTS),
  outputs: few(outputSchema, 0, MAX_OUTPUTS).optional(),
  parameters: z
    .custom<Record<string, unknown>>(isFew, `must be an object of at most ${MAX_PARAMETERS} parameters`)
    .transform(withoutReserved)
    .pipe(parametersSchema)
    .prefault({}),
});

/** The JSON of an inference request; only its form is checked. */
export type RequestJson = z.infer<typeof requestSchema>;
export type TensorJson = z.infer<typeof inputSchema>;

/** @throws CairnError `request-malformed`, or `option-unknown` for a parameter that does not exist. */
export function parseRequestJson(text: string): RequestJson {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CairnError('request-malformed', 'The inference request is not JSON.', { cause });
  }
  const parsed = requestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const where = formatPath(issue.path);
  if (issue.code === 'unrecognized_keys') {
    throw new CairnError('option-unknown', `There is no parameter "${issue.keys[0]}" in ${where}.`);
  }
  throw new CairnError('request-malformed', `${where || 'The request'}: ${issue.message}.`);
}

function withoutReserved(parameters: Record<string, unknown>): Record<string, unknown> {
  const given = Object.entries(parameters);
  return Object.fromEntries(given.filter(([name]) => !RESERVED.includes(name) && !name.startsWith(RESERVED_PREFIX)));
}

function isFew(parameters: unknown): boolean {
  if (typeof parameters !== 'object' || parameters === null || Array.isArray(parameters)) return false;
  return Object.keys(parameters).length <= MAX_PARAMETERS;
}
