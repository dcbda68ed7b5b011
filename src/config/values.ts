export const MIB = 1 << 20;
export const GIB = 2 ** 30;
export const DAY_MS = 24 * 3600_000;
