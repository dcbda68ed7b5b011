import type { ReferenceObject, SchemaObject } from '@nestjs/swagger';
import { z } from 'zod';

export type Schema = SchemaObject | ReferenceObject;
/** Whether clients send the values of a schema or receive them: options with a default are always received. */
export type Direction = 'sent' | 'received';

const COMPONENTS = '#/components/schemas/';
const optionsOf = (direction: Direction) =>
  ({
    target: 'openapi-3.0',
    io: direction === 'sent' ? 'input' : 'output',
    // zod leaves out the default of a value that may also be sent as text.
    override: ({ zodSchema, jsonSchema }) => {
      const { def } = zodSchema._zod;
      if (def.type === 'default') jsonSchema.default = def.defaultValue;
    },
  }) satisfies z.core.ToJSONSchemaParams;

/**
 * A zod schema as OpenAPI 3.0 has it. Schemas with `meta({ id })` are components: they have that name in the document,
 * and so in clients that are generated from it.
 */
export function toSchema(schema: z.ZodType, direction: Direction): Schema {
  const { properties } = z.toJSONSchema(z.object({ value: schema }), optionsOf(direction)) as unknown as {
    properties: { value: unknown };
  };
  const text = JSON.stringify(tidy(properties.value, direction));
  return JSON.parse(text.replaceAll('#/definitions/', COMPONENTS)) as Schema;
}

/** The components that a part of the document refers to, and those that they refer to. */
export function componentsOf(part: unknown, direction: Direction): Record<string, SchemaObject> {
  const { schemas } = z.toJSONSchema(z.globalRegistry, {
    ...optionsOf(direction),
    uri: (id) => COMPONENTS + id,
  });
  const found: Record<string, SchemaObject> = {};
  const collect = (value: unknown) => {
    for (const [, name] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (found[name!]) continue;
      found[name!] = tidy(schemas[name!], direction) as SchemaObject;
      collect(found[name!]);
    }
  };
  collect(part);
  return found;
}

/** Drops keywords that OpenAPI 3.0 lacks, that repeat the type, or that would forbid fields of later versions. */
function tidy(value: unknown, direction: Direction): unknown {
  if (Array.isArray(value)) return value.map((element) => tidy(element, direction));
  if (typeof value !== 'object' || value === null) return value;
  const schema = Object.fromEntries(Object.entries(value).map(([key, part]) => [key, tidy(part, direction)]));
  const drop = (key: string, condition: boolean) => {
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a plain object that was just made
    if (condition) delete schema[key];
  };
  // A property may be called `id`; its value is a schema then.
  for (const key of ['$id', '$schema', 'id', 'contentEncoding']) drop(key, typeof schema[key] === 'string');
  drop('readOnly', true);
  drop('maximum', schema['maximum'] === Number.MAX_SAFE_INTEGER);
  drop('minimum', schema['minimum'] === Number.MIN_SAFE_INTEGER);
  drop('pattern', schema['format'] === 'date-time' || schema['format'] === 'uri');
  drop('additionalProperties', direction === 'received' && schema['additionalProperties'] === false);
  drop('default', direction === 'received' && typeof schema['type'] === 'string');
  const { allOf, items, example } = schema;
  if (Array.isArray(allOf) && allOf.length === 1 && Object.keys(schema).length === 1) return allOf[0];
  // Tuples have elements of one kind here.
  if (isUnion(items) && new Set(items.anyOf.map((entry) => JSON.stringify(entry))).size === 1) {
    schema['items'] = items.anyOf[0];
  }
  if (schema['type'] === 'array' && typeof example === 'string') schema['example'] = example.split(',');
  return schema;
}

function isUnion(value: unknown): value is { anyOf: unknown[] } {
  return typeof value === 'object' && value !== null && Array.isArray((value as { anyOf?: unknown }).anyOf);
}
