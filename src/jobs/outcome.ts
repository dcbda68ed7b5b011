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
 * Keeps what became of jobs beyond the queue's own memory. It is told before the queue is, so that nothing
 * the queue takes for done is missing; a worker that dies between the two makes it hear of a job again.
 */
export interface OutcomeRecorder {
  record(outcome: Outcome): Promise<void>;
}
