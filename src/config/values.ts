import { z } from 'zod';

export const MIB = 1 << 20;

/** A variable that is a whole number. */
export const count = (fallback: number, least = 1) => z.coerce.number().int().min(least).default(fallback);
