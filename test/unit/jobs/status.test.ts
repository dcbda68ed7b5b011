import { describe, expect, test } from '@jest/globals';
import type { Job } from 'bullmq';
import { CairnError } from '../../../src/errors.js';
import { toFailedReason, type JobPayload } from '../../../src/jobs/payload.js';
import { isFinal, JOB_STATES, readStatus } from '../../../src/jobs/status.js';

const SHA = 'ab'.repeat(32);
const payload: JobPayload = {
  source: { kind: 'upload', key: `images/${SHA}`, sha256: SHA },
  spec: {
    model: 'mask-rcnn-resnet50',
    stage5: true,
    levels: ['C2'],
    dtype: 'float16',
    precision: 'float32',
    layout: 'nhwc',
    codec: 'zstd',
    quality: 75,
    size: 64,
  },
  weightsDigest: SHA,
  weights: 'seeded',
};
const result = { featuresId: SHA, timings: { run: 7 } };

const [CREATED, STARTED, FINISHED] = [1_700_000_000_000, 1_700_000_001_000, 1_700_000_002_000];

/** What a BullMQ job shows of itself. */
function job(fields: Partial<Job> = {}): Job {
  const shown = {
    id: '17',
    data: payload,
    progress: 0,
    timestamp: CREATED,
    attemptsMade: 0,
    stalledCounter: 0,
    returnvalue: null,
  };
  return { ...shown, ...fields } as unknown as Job;
}
const failed = (failedReason: string) => job({ failedReason, finishedOn: FINISHED });
const completed = job({ returnvalue: result, finishedOn: FINISHED });

describe('readStatus', () => {
  test.each(['waiting', 'prioritized', 'delayed', 'waiting-children', 'unknown'])('%s is queued', (state) => {
    expect(readStatus(job(), state, false)).toEqual({
      id: '17',
      state: 'queued',
      payload,
      attempts: 0,
      createdAt: '2023-11-14T22:13:20.000Z',
    });
  });

  test('an active job tells its stage, its attempt and when it began', () => {
    const progress = { stage: 'run', percent: 10 };
    const status = readStatus(job({ progress, attemptsMade: 1, processedOn: STARTED }), 'active', false);
    expect(status).toMatchObject({ state: 'active', progress, attempts: 2, startedAt: '2023-11-14T22:13:21.000Z' });
    expect(status).not.toHaveProperty('result');
    expect(status).not.toHaveProperty('finishedAt');
  });

  test('attempts are those that ended, also with their worker; not the times that a job was postponed', () => {
    const attempts = (fields: Partial<Job>, state: string) => readStatus(job(fields), state, false).attempts;
    expect(attempts({ attemptsStarted: 7 }, 'delayed')).toBe(0);
    expect(attempts({ attemptsStarted: 9, attemptsMade: 1, stalledCounter: 2 }, 'active')).toBe(4);
    expect(
      attempts(
        { returnvalue: result, finishedOn: FINISHED, attemptsStarted: 3, attemptsMade: 1, stalledCounter: 1 },
        'completed',
      ),
    ).toBe(2);
  });

  test('a completed job tells its result and when it ended', () => {
    const status = readStatus(completed, 'completed', false);
    expect(status).toMatchObject({ state: 'completed', result, finishedAt: '2023-11-14T22:13:22.000Z' });
    expect(status).not.toHaveProperty('error');
  });

  test('a failed job tells why', () => {
    const corrupt = failed(toFailedReason(new CairnError('image-corrupt', 'cut short')));
    expect(readStatus(corrupt, 'failed', false)).toMatchObject({
      state: 'failed',
      error: { code: 'image-corrupt', message: 'cut short' },
    });
    const stalled = readStatus(failed('job stalled'), 'failed', false);
    expect(stalled.error).toEqual({ code: 'internal', message: 'job stalled' });
  });

  test('a job that somebody cancelled is cancelled while it waits and while it runs', () => {
    for (const state of ['waiting', 'prioritized', 'active', 'delayed']) {
      expect(readStatus(job(), state, true).state).toBe('cancelled');
    }
  });

  test('a job that failed as cancelled is cancelled, without an error', () => {
    const status = readStatus(failed(toFailedReason(new CairnError('cancelled', 'It was.'))), 'failed', false);
    expect(status.state).toBe('cancelled');
    expect(status).not.toHaveProperty('error');
  });

  test('the wish to cancel comes too late for what has ended', () => {
    expect(readStatus(completed, 'completed', true).state).toBe('completed');
    expect(readStatus(failed('image-corrupt: cut short'), 'failed', true).state).toBe('failed');
  });

  test('a job that ended after its state was read has ended', () => {
    expect(readStatus(completed, 'active', false)).toMatchObject({ state: 'completed', result });
    expect(readStatus(failed('image-corrupt: cut short'), 'active', false).state).toBe('failed');
  });

  test('a job that failed at first and then completed has completed', () => {
    const second = job({ returnvalue: result, finishedOn: FINISHED, failedReason: 'store-failed: full' });
    expect(readStatus(second, 'completed', false)).toMatchObject({ state: 'completed', result });
  });

  test('progress that is none is not shown', () => {
    expect(readStatus(job({ progress: 55 }), 'active', false)).not.toHaveProperty('progress');
  });
});

test('completed, failed and cancelled are final, queued and active are not', () => {
  expect(JOB_STATES.filter(isFinal)).toEqual(['completed', 'failed', 'cancelled']);
});
