import { z } from 'zod';

export const MIB = 1 << 20;

/** A variable that is a whole number. */
export const count = (fallback: number, least = 1) => z.coerce.number().int().min(least).default(fallback);

/** A variable in milliseconds: a timer of Node.js holds no more. */
export const duration = (fallbackMs: number) =>
  z.coerce
    .number()
    .int()
    .min(1)
    .max(2 ** 31 - 1)
    .default(fallbackMs);
