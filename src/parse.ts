import { z } from 'zod';
import { CairnError, type ErrorCode } from './errors.js';
import { nearestNames } from './nearest-names.js';

export interface ParseOptions {
  /** The name of the value in messages, if it is not an object with named fields. */
  readonly name?: string;
  /** Codes for a value that is not among the known ones of a field. Every other problem is `option-invalid`. */
  readonly codes?: Readonly<Partial<Record<string, ErrorCode>>>;
}

/**
 * The value as the schema reads it. A message of the schema that ends in a full stop is the whole sentence; others
 * follow the path of the field.
 *
 * @throws CairnError `option-unknown` for a field that the schema does not have, one of `codes`, or `option-invalid`.
 */
export function parse<S extends z.ZodType>(
  schema: S,
  value: unknown,
  { name = '', codes = {} }: ParseOptions = {},
): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]!;
  const path = formatPath(issue.path);
  if (issue.code === 'unrecognized_keys') {
    throw new CairnError('option-unknown', unknownOption(schema, issue.keys[0]!, path));
  }
  const code = issue.code === 'invalid_value' ? codes[String(issue.path[0])] : undefined;
  const where = path || name;
  const sentence = issue.message.endsWith('.');
  throw new CairnError(
    code ?? 'option-invalid',
    sentence ? issue.message : `${where && `${where}: `}${issue.message}.`,
  );
}

/** A path in the notation of programs: `boxes[1][0]`, `inputs[0].shape`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i ? '.' : ''}${String(part)}`)).join('');
}

/** The rest of a message about a value: the rule, and the actual value. */
export function must(rule: string, end = '') {
  return { error: ({ input }: { input?: unknown }) => `${rule}, not "${showValue(input)}"${end}` };
}

/** Names as a choice: `a, b or c`. */
export function oneOf(names: readonly string[]): string {
  return new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(names);
}

function unknownOption(schema: z.ZodType, key: string, path: string): string {
  if (path) return `There is no option "${key}" in ${path}.`;
  const known = 'shape' in schema ? Object.keys((schema as z.ZodObject).shape) : [];
  const near = nearestNames(key, known);
  const hint = near.length > 0 ? ` Did you mean ${near.join(' or ')}?` : '';
  return `There is no option "${key}"${known.length > 0 ? `; known: ${known.join(', ')}` : ''}.${hint}`;
}

export function showValue(input: unknown): string {
  return typeof input === 'string' ? input : input === undefined ? 'nothing' : JSON.stringify(input);
}

/** A list: text with commas, or a value per element. `a=1,2` and `a=1&a=2` in a query mean the same. */
export function listOf<S extends z.ZodType>(element: S, rule = 'must be a list') {
  return z.preprocess(toList, z.array(element, rule));
}

export function wholeNumber(least: number, most: number) {
  const rule = `must be a whole number from ${least} to ${most}`;
  return z.preprocess(toNumber, z.int(rule).min(least, rule).max(most, rule));
}

export function flag() {
  return z.preprocess(toBoolean, z.boolean('must be true or false'));
}

export function toNumber(value: unknown): unknown {
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
}

export function toBoolean(value: unknown): unknown {
  return value === 'true' ? true : value === 'false' ? false : value;
}

function toList(value: unknown): unknown {
  const elements = Array.isArray(value) ? (value as unknown[]) : [value];
  return elements.flatMap((element) => (typeof element === 'string' ? element.split(',') : [element]));
}
