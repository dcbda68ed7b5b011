import type { PipeTransform } from '@nestjs/common';
import { Readable } from 'node:stream';
import type { z } from 'zod';
import { CairnError } from '../../errors.js';
import { parse, type ParseOptions } from '../../parse.js';

/** More than any request has fields. */
export const MAX_KEYS = 64;

/** Checks a parameter of a method: `@Query(zod(schema)) query: z.output<typeof schema>`. */
export function zod<S extends z.ZodType>(schema: S, options: ParseOptions = {}): PipeTransform<unknown, z.output<S>> {
  return { transform: (value) => parse(schema, value, options) };
}

/**
 * Checks a body that must be a JSON object: `@Body(jsonBody(schema, form))`. `form` shows it in the message.
 *
 * @throws CairnError `request-malformed` unless it is one, else as `parse`.
 */
export function jsonBody<S extends z.ZodType>(schema: S, form: string): PipeTransform<unknown, z.output<S>> {
  return { transform: (body) => parseJsonBody(schema, body, form) };
}

export function parseJsonBody<S extends z.ZodType>(schema: S, body: unknown, form: string): z.output<S> {
  if (typeof body === 'object' && body !== null && !Array.isArray(body) && !(body instanceof Readable)) {
    refuseManyKeys(body);
    return parse(schema, body);
  }
  // A body of another content type; drain it to keep the connection alive.
  if (body instanceof Readable) body.resume();
  throw new CairnError('request-malformed', `The body must be JSON, ${form}.`);
}

/** Looking at many thousand unknown keys would block the thread. @throws CairnError `request-malformed`. */
export function refuseManyKeys(body: object): void {
  if (Object.keys(body).length <= MAX_KEYS) return;
  throw new CairnError('request-malformed', `A JSON body has at most ${MAX_KEYS} fields.`);
}
