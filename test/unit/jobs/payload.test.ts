import { describe, expect, test } from '@jest/globals';
import { CairnError, ERRORS, type ErrorCode } from '../../../src/errors.js';
import {
  batchJobId,
  isJobId,
  fromFailedReason,
  payloadSchema,
  readPayload,
  progressSchema,
  resultSchema,
  toFailedReason,
  PRIORITIES,
  PERCENT_AT,
  STAGES,
} from '../../../src/jobs/payload.js';
import { payloadOf } from '../../support/jobs.js';

const SHA = 'ab'.repeat(32);
const upload = { kind: 'upload', key: `images/${SHA}`, sha256: SHA };
const url = { kind: 'url', url: 'https://example.org/cat.jpg', maxBytes: 1000 };
const spec = {
  model: 'mask-rcnn-resnet50',
  stage5: true,
  levels: ['C2'],
  dtype: 'float16',
  precision: 'float32',
  layout: 'nhwc',
  codec: 'zstd',
  quality: 75,
  size: 1024,
};
const payload = {
  source: upload,
  spec,
  weightsDigest: SHA,
  weights: 'seeded',
};

describe('payloadSchema', () => {
  test.each([upload, url])('takes $kind', (source) => {
    const job = { ...payload, source };
    expect(payloadSchema.parse(JSON.parse(JSON.stringify(job)))).toEqual(job);
  });

  test.each([
    ['a source of another kind', { ...upload, kind: 'file', path: '/etc/passwd' }],
    ['a source without a kind', { key: 'x', sha256: SHA }],
    ['pixels in place of a source', { kind: 'pixels', data: 'AAAA' }],
    ['an upload without its digest', { ...upload, sha256: undefined }],
    ['an upload whose digest is none', { ...upload, sha256: SHA.toUpperCase() }],
    ['a URL that is none', { ...url, url: 'cat.jpg' }],
    ['a URL job without a limit', { ...url, maxBytes: undefined }],
    ['a limit of nothing', { ...url, maxBytes: 0 }],
  ])('refuses %s', (_, source) => {
    expect(payloadSchema.safeParse({ ...payload, source }).success).toBe(false);
  });

  test.each([
    ['all of the spec', spec],
    ['no layout', { ...spec, layout: undefined }],
    ['no precision, as the oldest', { ...spec, precision: undefined, layout: undefined }],
  ])('reads jobs of version 0.1, with the fields of the spec beside the others: %s', (_, fields) => {
    const old = JSON.parse(JSON.stringify({ ...payload, spec: undefined, ...fields })) as unknown;
    expect(payloadSchema.parse(old)).toEqual(payload);
  });

  test.each(Object.keys(payload))('refuses a job without %s', (field) => {
    expect(payloadSchema.safeParse({ ...payload, [field]: undefined }).success).toBe(false);
  });

  test('refuses a spec without its levels, or with others than there are', () => {
    for (const levels of [undefined, ['C9']]) {
      expect(payloadSchema.safeParse({ ...payload, spec: { ...spec, levels } }).success).toBe(false);
    }
  });

  test('lets nothing through that it does not know: pixels never travel through the queue', () => {
    expect(payloadSchema.parse({ ...payload, pixels: 'AAAA' })).toEqual(payload);
  });
});

test('resultSchema takes an id with timings, or without, and no other id', () => {
  expect(resultSchema.parse({ featuresId: SHA, timings: { run: 812.5 } })).toEqual({
    featuresId: SHA,
    timings: { run: 812.5 },
  });
  expect(resultSchema.safeParse({ featuresId: SHA, timings: {} }).success).toBe(true);
  expect(resultSchema.safeParse({ featuresId: 'x', timings: {} }).success).toBe(false);
  expect(resultSchema.safeParse({ featuresId: SHA }).success).toBe(false);
});

test('progressSchema takes known stages only', () => {
  expect(progressSchema.safeParse({ stage: 'run', percent: 10 }).success).toBe(true);
  expect(progressSchema.safeParse({ stage: 'think', percent: 10 }).success).toBe(false);
  expect(progressSchema.safeParse(0).success).toBe(false);
});

test('stages begin in order, each further than the one before and none at the end', () => {
  expect(STAGES).toEqual(['fetch', 'preprocess', 'run', 'pack']);
  const begins = STAGES.map((stage) => PERCENT_AT[stage]);
  expect(begins).toEqual(begins.toSorted((a, b) => a - b));
  expect(new Set(begins).size).toBe(begins.length);
  expect([begins[0], begins.at(-1)! < 100]).toEqual([0, true]);
});

test('high is taken before normal and normal before low, and each is a priority that BullMQ knows', () => {
  const { high, normal, low } = PRIORITIES;
  expect([high, normal, low]).toEqual([high, normal, low].toSorted((a, b) => a - b));
  expect(new Set([high, normal, low]).size).toBe(3);
  // 0 would mean none, which comes before all that have one.
  expect(high).toBeGreaterThanOrEqual(1);
  expect(low).toBeLessThanOrEqual(2_097_152);
});

describe('a failed reason', () => {
  test.each(Object.keys(ERRORS) as ErrorCode[])('brings %s back', (code) => {
    const message = 'It failed: see line 3.\nAnd: the next line.';
    expect(fromFailedReason(toFailedReason(new CairnError(code, message)))).toEqual({ code, message });
  });

  test('keeps an empty message', () => {
    expect(fromFailedReason(toFailedReason(new CairnError('cancelled', '')))).toEqual({
      code: 'cancelled',
      message: '',
    });
  });

  test.each([
    'job stalled more than allowable limit',
    'no-such-code: but it looks like one',
    'toString: is no code either',
    'Missing lock for job 1. moveToFinished',
    '',
  ])('that the queue wrote itself is internal, in its own words: "%s"', (reason) => {
    expect(fromFailedReason(reason)).toEqual({ code: 'internal', message: reason });
  });
});

test.each([
  ['6ba7b810-9dad-11d1-80b4-00c04fd430c8', true],
  [batchJobId('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 1), true],
  [batchJobId('ab'.repeat(16), 10_000_000), true],
  ['meta', false],
  ['events', false],
  ['completed', false],
  ['id', false],
  ['stalled-check', false],
  ['6ba7b810-9dad-11d1-80b4-00c04fd430c8:lock', false],
  ['6ba7b810-9dad-11d1-80b4-00c04fd430c8.0', false],
  ['', false],
])('%s may be the id of a job: %s', (id, expected) => expect(isJobId(id)).toBe(expected));

test.each([
  [{ ...payloadOf(), format: 2 }, /has format 2, and this version knows 1/],
  [{ ...payloadOf(), format: 'x' }, /has format "x"/],
  [{ ...payloadOf(), source: { kind: 'tape' } }, /cannot be read/],
  [null, /cannot be read/],
])('a payload of another version is told as such', (data, message) => {
  const failure = expect.objectContaining({ code: 'version-mismatch', message: expect.stringMatching(message) });
  expect(() => readPayload(data)).toThrow(failure);
});

test('payloads without a format are read', () => {
  expect(readPayload(payloadOf())).toEqual(payloadOf());
});
