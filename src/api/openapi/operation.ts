import { ApiExtension } from '@nestjs/swagger';
import type {
  ContentObject,
  HeadersObject,
  OperationObject,
  ParameterObject,
  ResponseObject,
  SchemaObject,
} from '@nestjs/swagger';
import type { z } from 'zod';
import { problemSchema } from '../http/problem.js';
import { protocolErrorSchema } from '../inference/protocol-error.js';
import { toSchema, type Direction } from './schemas.js';

/** Where a decorated method keeps its operation until the document is made; see `createDocument`. */
export const OPERATION = 'x-operation';

/** What is answered for the sake of keys, by status; other causes of the same status may come first. */
const REFUSALS_OF_KEYS: Readonly<Record<string, string>> = {
  401: 'The request has no API key, or one that the server does not know.',
  403: 'The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site.',
  429: 'The key has used up its requests per second or another quota; try again after `Retry-After` seconds.',
};
export const OF_KEYS: ReadonlySet<string> = new Set(Object.keys(REFUSALS_OF_KEYS));

export interface Parameter {
  readonly description: string;
  readonly example?: string;
}

export type Answer = Omit<ResponseObject, 'description'> & { readonly description: string };

/** The documentation of one operation. Everything else follows from the schemas that the code runs on. */
export interface OperationDocs {
  /** Names the method of generated clients: unique, camelCase. */
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  /** Of the path, by name. */
  readonly params?: Readonly<Record<string, Parameter>>;
  readonly query?: z.ZodObject;
  readonly headers?: Readonly<Record<string, Parameter>>;
  readonly body?: ContentObject | undefined;
  /** True if the request may lack a body. */
  readonly bodyOptional?: boolean;
  /** By status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Descriptions of errors of this operation, by status, beside the general ones. */
  readonly refusals?: Readonly<Record<number, string>>;
}

/** Documents a method whose errors are `application/problem+json`. */
export function Operation(docs: OperationDocs): MethodDecorator {
  return documented(docs, content('application/problem+json', problemSchema, 'received'));
}

/** Documents a method of the Open Inference Protocol, which has errors of its own. */
export function ProtocolOperation(docs: OperationDocs): MethodDecorator {
  return documented(docs, content('application/json', protocolErrorSchema, 'received'));
}

/** A request body of the given type. */
export function body(type: string, schema: z.ZodType, example?: unknown): ContentObject {
  return content(type, schema, 'sent', example);
}

/** Bytes of the given types. */
export function binary(...types: string[]): ContentObject {
  return Object.fromEntries(types.map((type) => [type, { schema: { type: 'string', format: 'binary' } }]));
}

/** Text that arrives piece by piece, each piece JSON of one of the schemas: `pieces` maps their names. */
export function textStream(type: string, description: string, pieces: Record<string, z.ZodType>): ContentObject {
  const schemas = Object.entries(pieces).map(([name, schema]) => [name, toSchema(schema, 'received')]);
  const schema = { type: 'string', description, 'x-pieces': Object.fromEntries(schemas) as object };
  return { [type]: { schema: schema } };
}

export function json(description: string, schema: z.ZodType, more: Partial<ResponseObject> = {}): Answer {
  return { description, content: content('application/json', schema, 'received'), ...more };
}

export function header(name: string, description: string): { headers: HeadersObject } {
  return { headers: { [name]: { description, schema: { type: 'string' } } } };
}

function documented(docs: OperationDocs, error: ContentObject): MethodDecorator {
  const refusals: Record<string, string> = {
    ...REFUSALS_OF_KEYS,
    ...docs.refusals,
    '4XX': 'The request was refused: `code` and the message say why.',
    '5XX': 'The server cannot answer now, or has a fault.',
  };
  const problems = Object.entries(refusals).map(([status, description]) => [status, { description, content: error }]);
  const operation: OperationObject = {
    operationId: docs.id,
    summary: docs.summary,
    ...(docs.description !== undefined && { description: docs.description }),
    parameters: [
      ...parameters('path', docs.params, true),
      ...(docs.query ? queryParameters(docs.query) : []),
      ...parameters('header', docs.headers, false),
    ],
    ...(docs.body && { requestBody: { required: !docs.bodyOptional, content: docs.body } }),
    responses: { ...docs.answers, ...(Object.fromEntries(problems) as Record<string, ResponseObject>) },
  };
  return ApiExtension(OPERATION, operation);
}

function parameters(
  place: 'path' | 'header',
  docs: Readonly<Record<string, Parameter>> = {},
  required: boolean,
): ParameterObject[] {
  return Object.entries(docs).map(([name, { description, example }]) => ({
    name,
    in: place,
    required,
    description,
    schema: { type: 'string' },
    ...(example !== undefined && { example }),
  }));
}

/** A list is written with commas. Its description belongs to the parameter, which is what generated clients show. */
function queryParameters(query: z.ZodObject): ParameterObject[] {
  const { properties = {}, required = [] } = toSchema(query, 'sent') as SchemaObject;
  return Object.entries(properties).map(([name, property]) => {
    const { description, example, ...schema } = property as Omit<SchemaObject, 'example'> & { example?: unknown };
    const list = schema.type === 'array';
    return {
      name,
      in: 'query' as const,
      required: required.includes(name),
      ...(description !== undefined && { description }),
      schema,
      ...(list && { style: 'form' as const, explode: false }),
      ...(example !== undefined && { example }),
    };
  });
}

function content(type: string, schema: z.ZodType, direction: Direction, example?: unknown): ContentObject {
  return { [type]: { schema: toSchema(schema, direction), ...(example !== undefined && { example }) } };
}
