/** 1 is taken first; jobs without a priority are taken before all that have one, so every job gets one. */
export const PRIORITIES = { high: 1, normal: 10, low: 100 } as const;
export type Priority = keyof typeof PRIORITIES;
export const PRIORITY_NAMES = ['high', 'normal', 'low'] as const satisfies readonly Priority[];
