import { ask, parse } from '../ask.js';

export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly example?: unknown;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly multipleOf?: number;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly schema: Schema;
  readonly example?: unknown;
}

interface Body {
  readonly schema: Schema;
  readonly example?: unknown;
}

/** One operation of the document; its schemas have no references any more. */
export interface Operation {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  /** By content type. */
  readonly bodies: readonly (readonly [type: string, body: Body])[];
  /** Statuses that are documented, such as `200` or `4XX`. */
  readonly statuses: ReadonlySet<string>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

interface DocumentedOperation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Body>> };
  readonly responses: Readonly<Record<string, unknown>>;
}

/** Of a schema within itself. */
const MAX_DEPTH = 8;

/** Every operation that the server documents: new ones are fuzzed without a change here. */
export async function readOperations(origin: string): Promise<Operation[]> {
  const answer = await ask(origin, '/docs-json');
  if (answer?.status !== 200) throw new Error(`/docs-json: ${answer?.status}`);
  const { paths, components } = parse<Document>(answer);
  const whole = (schema: Schema) => resolve(schema, components?.schemas ?? {}, 0);
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody, responses }]) => ({
      name: `${method} ${path}`,
      method: method.toUpperCase(),
      path,
      parameters: parameters.map((parameter) => ({ ...parameter, schema: whole(parameter.schema) })),
      bodies: Object.entries(requestBody?.content ?? {}).map(
        ([type, body]) => [type, { ...body, schema: whole(body.schema) }] as const,
      ),
      statuses: new Set(Object.keys(responses)),
    })),
  );
}

/** A schema with what it refers to in place. */
function resolve(schema: Schema, named: Readonly<Record<string, Schema>>, depth: number): Schema {
  if (depth > MAX_DEPTH) return {};
  const inner = (other: Schema) => resolve(other, named, depth + 1);
  if (schema.$ref !== undefined) return inner(named[schema.$ref.split('/').at(-1)!] ?? {});
  const { items, properties, additionalProperties, anyOf, oneOf, allOf } = schema;
  return {
    ...schema,
    ...(items && { items: inner(items) }),
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, other]) => [name, inner(other)])),
    }),
    ...(typeof additionalProperties === 'object' && { additionalProperties: inner(additionalProperties) }),
    ...(anyOf && { anyOf: anyOf.map(inner) }),
    ...(oneOf && { oneOf: oneOf.map(inner) }),
    ...(allOf && { allOf: allOf.map(inner) }),
  };
}
