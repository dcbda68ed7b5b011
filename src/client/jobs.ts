import type { CallOptions, Connection } from './connection.js';
import { imageCall, type ImageSource } from './image-source.js';
import { errorOf } from './request-error.js';
import type { Job, JobOptions } from './resources.js';
import { serverEvents, type Position } from './server-events.js';

const DEFAULT_RETRY_MS = 2000;

/** How a job is waited for. */
export interface WaitOptions extends CallOptions {
  /** Called with the job at each change of its state and progress. */
  readonly onChange?: (job: Job) => void;
}

/** Jobs: one image each. */
export class Jobs {
  constructor(private readonly connection: Connection) {}

  /**
   * Submits an image. The job is completed at once if the server has the features already.
   *
   * @throws RequestError `queue-full` after the retries, `image-…`, `option-…` and others of docs/http.md.
   */
  submit(image: ImageSource, options: JobOptions = {}, call: CallOptions = {}): Promise<Job> {
    return this.connection.json<Job>('/v1/jobs', { ...call, ...imageCall(image), query: options });
  }

  /** @throws RequestError `job-not-found`. */
  get(id: string, call: CallOptions = {}): Promise<Job> {
    return this.connection.json<Job>(pathOf(id), call);
  }

  /** Cancels a job that is queued or active. @throws RequestError `job-finished`, `job-not-found`. */
  cancel(id: string, call: CallOptions = {}): Promise<Job> {
    return this.connection.json<Job>(pathOf(id), { ...call, method: 'DELETE' });
  }

  /** The job as it is, and at each change, until it is finished; across restarts of the server. */
  async *follow(id: string, call: CallOptions = {}): AsyncGenerator<Job, void, undefined> {
    const { policy } = this.connection;
    const position: Position = { retryMs: DEFAULT_RETRY_MS };
    for (let attempt = 0; ;) {
      try {
        const response = await this.connection.once(`${pathOf(id)}/events`, call);
        for await (const { data } of serverEvents(this.connection.bytes(response, call), position)) {
          policy.reset();
          attempt = 0;
          const job = data as Job;
          yield job;
          if (isFinal(job)) return;
        }
        await policy.pause(position.retryMs, call.signal);
      } catch (error) {
        await policy.backoff(error, attempt++, call.signal);
      }
    }
  }

  /**
   * The completed job.
   *
   * @throws RequestError with the code of a job that failed, `cancelled` for one that was cancelled, `job-not-found`.
   */
  async wait(id: string, { onChange, ...call }: WaitOptions = {}): Promise<Job> {
    let last: Job | undefined;
    for await (const job of this.follow(id, call)) {
      onChange?.(job);
      last = job;
    }
    const job = last!;
    if (job.state === 'completed') return job;
    const { code, message } = job.error ?? { code: 'cancelled', message: `Job ${id} was ${job.state}.` };
    throw errorOf(code, message, { transient: false });
  }
}

function isFinal({ state }: Job): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

function pathOf(id: string): string {
  return `/v1/jobs/${encodeURIComponent(id)}`;
}
