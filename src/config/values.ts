import { z } from 'zod';

export const MIB = 1 << 20;
export const GIB = 2 ** 30;
export const DAY_MS = 24 * 3600_000;

export const flag = (fallback: 'true' | 'false') =>
  z
    .enum(['true', 'false'])
    .default(fallback)
    .transform((value) => value === 'true');
