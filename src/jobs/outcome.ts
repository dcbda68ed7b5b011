import type { ErrorCode } from '../errors.js';
import type { JobPayload, JobResult } from './payload.js';

/** How a job ended for good: it is not tried again. */
export type Outcome = { readonly jobId: string; readonly payload: JobPayload } & (
  | { readonly state: 'completed'; readonly result: JobResult }
  | {
      readonly state: 'failed' | 'cancelled';
      readonly error: { readonly code: ErrorCode; readonly message: string };
    }
);

/**
 * Keeps the outcomes of jobs beyond the queue's own memory. It is called before the queue is told, so that no job that the
 * queue takes for done is missing here; where a worker dies between the two, it is called again for the same job.
 */
export interface OutcomeRecorder {
  record(outcome: Outcome): Promise<void>;
}
