import { z } from 'zod';
import { sha256Schema } from '../formats/sha256.js';
import { imageSourceSchema } from '../images/image-source.js';
import { featureSpecSchema } from '../spec/feature-spec.js';
import { CairnError, ERRORS, type ErrorCode } from '../errors.js';

const SPEC_FIELDS = Object.keys(featureSpecSchema.shape);

/** The queue of extraction jobs, and the name of each job in it. */
export const EXTRACT_QUEUE = 'extract';
export const EXTRACT_JOB = 'extract';

/** The id of a batch's job names the batch and the line, so a line that is fed twice is one job. */
export function batchJobId(batchId: string, line: number): string {
  return `${batchId}.${line}`;
}

/** A UUID, or an id of a batch's job. Nothing else leads to a key in Redis. */
const JOB_ID = /^[0-9a-f-]{32,36}(\.[1-9]\d{0,7})?$/;

export function isJobId(id: string): boolean {
  return JOB_ID.test(id);
}

/** The batch that a job belongs to, by its id. */
export function batchOf(jobId: string): string | undefined {
  const end = jobId.indexOf('.');
  return end === -1 ? undefined : jobId.slice(0, end);
}

/**
 * Raised when payloads change such that a worker of before would do another job. One that does not know the format of a
 * payload leaves it to others.
 */
export const PAYLOAD_FORMAT = 1;

const fields = z.object({
  /** Payloads of format 1 need not have it. */
  format: z.int().positive().optional(),
  source: imageSourceSchema,
  spec: featureSpecSchema,
  /** The id of the features; unknown until the image has been fetched. */
  featuresId: sha256Schema.optional(),
  /** Digest of the weights at submission: a worker that has others must not answer under this job's id. */
  weightsDigest: sha256Schema,
  /** Digest of the calibration that the numbers depend on, where there is one. */
  calibrationDigest: sha256Schema.optional(),
  /** The name of those weights: `seeded`, `seeded:N` or a file's name. */
  weights: z.string(),
  /** The id of the store that has the image and gets the features; jobs of older versions lack it. */
  store: z.string().optional(),
  /** The name of the key that submitted it; none where the server asks for no keys. */
  owner: z.string().optional(),
  /** The batch that the job belongs to, with the number (from 1) and name of its line. */
  batch: z.object({ id: z.string(), line: z.int().positive(), name: z.string() }).optional(),
});

/** Jobs and manifests of version 0.1 have the fields of the spec beside the others. */
function fromVersion01(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || 'spec' in value) return value;
  const old = value as Record<string, unknown>;
  return { ...old, spec: Object.fromEntries(SPEC_FIELDS.flatMap((name) => (name in old ? [[name, old[name]]] : []))) };
}

/** What a job carries: references and the spec. */
export const payloadSchema = z.preprocess(fromVersion01, fields);
export type JobPayload = z.infer<typeof payloadSchema>;

/** @throws CairnError `version-mismatch` for a payload that this version does not know. */
export function readPayload(data: unknown): JobPayload {
  const given = (data as { format?: unknown } | null)?.format ?? 1;
  const known = typeof given === 'number' && given <= PAYLOAD_FORMAT;
  const payload = known ? payloadSchema.safeParse(data) : undefined;
  if (payload?.success) return payload.data;
  const reason = known
    ? 'cannot be read'
    : `has format ${JSON.stringify(given)}, and this version knows ${PAYLOAD_FORMAT}`;
  throw new CairnError('version-mismatch', `The job ${reason}: the server has another version than the worker.`);
}

/** What a job of a batch carries. */
export const batchPayloadSchema = z.preprocess(fromVersion01, fields.required({ batch: true }));

/** 1 is taken first; jobs without a priority are taken before all that have one, so every job gets one. */
export const PRIORITIES = { high: 1, normal: 10, low: 100 } as const;
export type Priority = keyof typeof PRIORITIES;
export const PRIORITY_NAMES = ['high', 'normal', 'low'] as const satisfies readonly Priority[];

/** The stages of an active job. */
export const STAGES = ['fetch', 'preprocess', 'run', 'pack'] as const;
export type JobStage = (typeof STAGES)[number];

/** The share of the work, in percent, that is done when a stage begins. */
export const PERCENT_AT: Readonly<Record<JobStage, number>> = { fetch: 0, preprocess: 5, run: 10, pack: 80 };

/** What a finished job leaves in Redis: small, since the event stream keeps a copy. */
export const resultSchema = z.object({
  featuresId: sha256Schema,
  /** Milliseconds per stage; empty when the archive was there already. */
  timings: z.record(z.string(), z.number()),
});
export type JobResult = z.infer<typeof resultSchema>;

export const progressSchema = z.object({ stage: z.enum(STAGES), percent: z.number() });
export type JobProgress = z.infer<typeof progressSchema>;

/** A failed job keeps one string: the code and the sentence, `code: message`. */
export function toFailedReason({ code, message }: CairnError): string {
  return `${code}: ${message}`;
}

/** The error in a job's failed reason; what the queue itself wrote there (a job that stalled too often) is `internal`. */
export function fromFailedReason(reason: string): { code: ErrorCode; message: string } {
  const [, code, message] = /^([a-z0-9-]+): ([^]*)$/.exec(reason) ?? [];
  return code && Object.hasOwn(ERRORS, code)
    ? { code: code as ErrorCode, message: message! }
    : { code: 'internal', message: reason };
}

/** How a job ended: it is not retried. */
export type Outcome = { readonly jobId: string; readonly payload: JobPayload } & (
  | { readonly state: 'completed'; readonly result: JobResult }
  | {
      readonly state: 'failed' | 'cancelled';
      readonly error: { readonly code: ErrorCode; readonly message: string };
    }
);

/**
 * Records the outcomes of jobs, for longer than the queue keeps them. It is called before the job is reported as
 * finished, so every finished job is recorded; if a worker dies between the two, it is called again for the same job.
 */
export interface OutcomeRecorder {
  record(outcome: Outcome): Promise<void>;
}
