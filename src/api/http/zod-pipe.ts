import type { PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { parse, type ParseOptions } from '../../parse.js';

/** Checks a parameter of a method: `@Query(zod(schema)) query: z.output<typeof schema>`. */
export function zod<S extends z.ZodType>(schema: S, options: ParseOptions = {}): PipeTransform<unknown, z.output<S>> {
  return { transform: (value) => parse(schema, value, options) };
}
