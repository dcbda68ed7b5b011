/** What a job goes through while it is active, with the share of the work done when each begins. */
export const STAGES = ['fetch', 'preprocess', 'run', 'pack'] as const;
export type JobStage = (typeof STAGES)[number];

export const PERCENT_AT: Readonly<Record<JobStage, number>> = { fetch: 0, preprocess: 5, run: 10, pack: 80 };
