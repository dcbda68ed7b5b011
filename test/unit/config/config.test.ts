import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { loadConfig } from '../../../src/config/config.js';
import { readEnv, type Env } from '../../../src/config/env.js';
import { UrlPolicy } from '../../../src/images/url-policy.js';
import { softwareVersion } from '../../../src/config/version.js';

describe('loadConfig', () => {
  test('has a default for everything', () => {
    expect(loadConfig({})).toEqual({
      role: 'all',
      http: {
        host: '127.0.0.1',
        port: 8080,
        limits: {
          allowedHosts: ['localhost', '127.0.0.1', '::1'],
          corsOrigins: [],
          maxConnections: 10_000,
          maxBodies: 1024,
          bodyTimeoutMs: 60_000,
          minBodyRate: 100,
          answerTimeoutMs: 60_000,
          inferenceBytes: 256 * 1024 * 1024,
          maxJsonValues: 1_000_000,
          maxFeatureStreams: 256,
          featureStreamBands: 512,
          maxRegionBytes: 512 * 1024 * 1024,
        },
      },
      auth: { keysFile: undefined, off: false, local: true },
      redisUrl: 'redis://127.0.0.1:6379',
      serverUrl: 'http://127.0.0.1:8080',
      store: { kind: 'folder', folder: '.cairn/data', reserveBytes: 64 * 1024 * 1024 },
      storeRedirect: false,
      weightsDir: '.cairn/weights',
      defaultModel: undefined,
      hub: { endpoint: 'https://huggingface.co', token: undefined },
      backbone: {
        ...{ engine: 'auto', device: 'auto', maxSessions: 2, maxBatch: 1, maxDelayMs: 5 },
        limits: { runMs: 600_000, compileMs: 1_200_000 },
      },
      devices: [],
      queue: { prefix: 'cairn', limit: 10_000 },
      streamLength: 100_000,
      groupIdleMs: 7 * 24 * 3600 * 1000,
      worker: {
        ...{ concurrency: 3, lockDurationMs: 30_000, drainTimeoutMs: 60_000, jobTimeoutMs: 3600_000 },
        uploadTtlMs: 7 * 24 * 3600 * 1000,
      },
      decoder: { timeoutMs: 120_000, cpuMs: 30_000, maxBytes: 2 ** 31 },
      decode: { maxPixels: 100_000_000, maxSide: 65_535, maxScans: 100 },
      intake: {
        ...{ maxPixels: 100_000_000, maxSide: 65_535, maxScans: 100 },
        ...{ maxUploadBytes: 64 * 1024 * 1024, maxUrlLength: 2048, maxRatio: 100, maxBatchBytes: 16 * 2 ** 30 },
      },
      batches: { maxRefused: 1000, maxOpen: 1000 },
      spec: { maxSize: 2048, maxJobBytes: 3 * 2 ** 30 },
      urls: {
        policy: UrlPolicy.parse(''),
        limits: { timeoutMs: 30_000, minRate: 1024, maxRedirects: 5 },
        downloads: { concurrency: 2, perHost: 8, hostRate: 100 },
      },
      logJson: false,
    });
  });

  const settings: [Env, object][] = [
    [{ ROLE: 'worker' }, { role: 'worker' }],
    [{ PORT: '0' }, { http: { port: 0 } }],
    [{ PORT: '65535' }, { http: { port: 65_535 } }],
    [
      { REDIS_URL: 'rediss://user:p%40ss@redis.example:6380/2' },
      { redisUrl: 'rediss://user:p%40ss@redis.example:6380/2' },
    ],
    [{ HOST: '0.0.0.0' }, { http: { limits: { allowedHosts: undefined } } }],
    [{ HOST: '127.0.0.7' }, { http: { limits: { allowedHosts: ['localhost', '127.0.0.1', '::1', '127.0.0.7'] } } }],
    [
      { CAIRN_ALLOWED_HOSTS: 'Cairn.example, [2001:db8::1],' },
      { http: { limits: { allowedHosts: ['cairn.example', '2001:db8::1'] } } },
    ],
    [{ CAIRN_ALLOWED_HOSTS: '*' }, { http: { limits: { allowedHosts: undefined } } }],
    [
      { CAIRN_CORS_ORIGINS: 'https://viewer.example, http://localhost:5173,' },
      { http: { limits: { corsOrigins: ['https://viewer.example', 'http://localhost:5173'] } } },
    ],
    [{ CAIRN_MIN_BODY_RATE: '0' }, { http: { limits: { minBodyRate: 0 } } }],
    [{ CAIRN_DATA_DIR: '/data' }, { store: { kind: 'folder', folder: '/data' } }],
    [{ CAIRN_DATA_DIR: '/data', CAIRN_STORE: '/srv/store' }, { store: { kind: 'folder', folder: '/srv/store' } }],
    [{ CAIRN_STORE: 'file:///srv/a%20store' }, { store: { kind: 'folder', folder: '/srv/a store' } }],
    [{ CAIRN_STORE: 's3://bucket' }, { store: { kind: 's3', bucket: 'bucket', prefix: '', pathStyle: false } }],
    [
      { CAIRN_STORE: 's3://bucket/a/b/', CAIRN_S3_REGION: 'eu-central-1' },
      { store: { kind: 's3', bucket: 'bucket', prefix: 'a/b', region: 'eu-central-1' } },
    ],
    [
      { CAIRN_STORE: 's3://bucket', CAIRN_S3_ENDPOINT: 'http://minio:9000' },
      { store: { endpoint: 'http://minio:9000', pathStyle: true } },
    ],
    [
      { CAIRN_STORE: 's3://bucket', CAIRN_S3_ENDPOINT: 'https://r2.example', CAIRN_S3_PATH_STYLE: 'false' },
      { store: { pathStyle: false } },
    ],
    [
      { CAIRN_STORE: 's3://bucket', CAIRN_S3_PUBLIC_ENDPOINT: 'https://s3.example', CAIRN_STORE_REDIRECT: 'true' },
      { store: { publicEndpoint: 'https://s3.example' }, storeRedirect: true },
    ],
    [{ CAIRN_WEIGHTS_DIR: '/weights' }, { weightsDir: '/weights' }],
    [{ CAIRN_WEIGHTS_MIRROR: 'https://mirror.example/w' }, { weightsMirror: 'https://mirror.example/w' }],
    [{ CAIRN_DEFAULT_MODEL: 'keras-resnet50' }, { defaultModel: 'keras-resnet50' }],
    [
      { HF_ENDPOINT: 'https://hub.example/hf', HF_TOKEN: 'hf_x' },
      { hub: { endpoint: 'https://hub.example/hf', token: 'hf_x' } },
    ],
    [{ CAIRN_ENGINE: 'onnx', CAIRN_DEVICE: 'cpu' }, { backbone: { engine: 'onnx', device: 'cpu' } }],
    [{ CAIRN_THREADS: '4' }, { backbone: { threads: 4 } }],
    [{ CAIRN_MAX_SESSIONS: '1' }, { backbone: { maxSessions: 1 } }],
    [{ CAIRN_CONCURRENCY: '5' }, { worker: { concurrency: 5 }, urls: { downloads: { concurrency: 4 } } }],
    [{ CAIRN_URL_CONCURRENCY: '3' }, { worker: { concurrency: 3 }, urls: { downloads: { concurrency: 3 } } }],
    [{ CAIRN_CONCURRENCY: '1' }, { urls: { downloads: { concurrency: 1 } } }],
    [
      { CAIRN_MAX_BATCH: '8', CAIRN_MAX_DELAY_MS: '0' },
      {
        backbone: { maxBatch: 8, maxDelayMs: 0 },
        worker: { concurrency: 10 },
        urls: { downloads: { concurrency: 9 } },
      },
    ],
    [
      { CAIRN_MAX_BATCH: '8', CAIRN_CONCURRENCY: '1' },
      { backbone: { maxBatch: 8 }, worker: { concurrency: 1 } },
    ],
    [{ CAIRN_DEVICES: '0' }, { devices: ['0'] }],
    [{ CAIRN_DEVICES: '3, 1,12' }, { devices: ['3', '1', '12'] }],
    [
      { CAIRN_DEVICES: 'GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,GPU-5f' },
      { devices: ['GPU-8932f937-d72c-4106-c12f-20bd9faed9f6', 'GPU-5f'] },
    ],
    [
      { CAIRN_DEVICES: 'MIG-4fea5ae0-0f13-5e3b-8d8a-e2b6e5ab3c1a,MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/0' },
      { devices: ['MIG-4fea5ae0-0f13-5e3b-8d8a-e2b6e5ab3c1a', 'MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/0'] },
    ],
    [{ CAIRN_WORKER_NAME: 'worker 0' }, { workerName: 'worker 0' }],
    [{ CAIRN_WORKER_NAME: 'worker 0' }, { backbone: { excluded: { webgpu: expect.stringContaining('first GPU') } } }],
    [{ CAIRN_QUEUE_PREFIX: 'other', CAIRN_QUEUE_LIMIT: '7' }, { queue: { prefix: 'other', limit: 7 } }],
    [{ CAIRN_STREAM_LENGTH: '50' }, { streamLength: 50 }],
    [{ CAIRN_LOCK_DURATION_MS: '1000' }, { worker: { lockDurationMs: 1000 } }],
    [{ CAIRN_DRAIN_TIMEOUT_MS: '0' }, { worker: { drainTimeoutMs: 0 } }],
    [{ CAIRN_JOB_TIMEOUT_MS: '5000' }, { worker: { jobTimeoutMs: 5000 } }],
    [
      { CAIRN_RUN_TIMEOUT_MS: '1', CAIRN_COMPILE_TIMEOUT_MS: '2' },
      { backbone: { limits: { runMs: 1, compileMs: 2 } } },
    ],
    [{ CAIRN_DECODE_CPU_MS: '1', CAIRN_DECODE_BYTES: '2' }, { decoder: { cpuMs: 1, maxBytes: 2 } }],
    [{ CAIRN_LIVENESS_FILE: '/tmp/a' }, { livenessFile: '/tmp/a' }],
    [{ CAIRN_URL_PER_HOST: '1', CAIRN_URL_HOST_RATE: '2' }, { urls: { downloads: { perHost: 1, hostRate: 2 } } }],
    [{ CAIRN_MAX_UPLOAD_BYTES: '1' }, { intake: { maxUploadBytes: 1 } }],
    [{ CAIRN_MAX_PIXELS: '35' }, { decode: { maxPixels: 35 } }],
    [{ CAIRN_UPLOAD_TTL_MS: '60000' }, { worker: { uploadTtlMs: 60_000 } }],
    [{ CAIRN_LOG_JSON: 'true' }, { logJson: true }],
    [{ SOMETHING_ELSE: 'x' }, { role: 'all' }],
  ];
  test.each(settings)('%j is taken', (env, expected) => {
    expect(loadConfig(env)).toMatchObject(expected);
  });

  const wrong: [string, string[]][] = [
    ['ROLE', ['server', 'API']],
    ['PORT', ['-1', '65536', '80.5', 'http', 'NaN']],
    ['REDIS_URL', ['127.0.0.1:6379', 'http://127.0.0.1', 'redis']],
    ['CAIRN_THREADS', ['0', '-1', '1.5', 'all']],
    ['CAIRN_MAX_SESSIONS', ['0', 'x']],
    ['CAIRN_CONCURRENCY', ['0', '2.5']],
    ['CAIRN_MAX_BATCH', ['0', '1.5', 'all']],
    ['CAIRN_MAX_DELAY_MS', ['-1', '5ms']],
    [
      'CAIRN_DEVICES',
      ['', ',', '0,', '0,,1', '0,1,0', 'GPU-5f,gpu-5F', '-1', '01', 'cuda:0', 'all', 'GPU-', 'GPU-xyz', '0;1'],
    ],
    ['CAIRN_QUEUE_LIMIT', ['0', 'none']],
    ['CAIRN_LOCK_DURATION_MS', ['999', '30s']],
    ['CAIRN_DRAIN_TIMEOUT_MS', ['-1', 'Infinity']],
    ['CAIRN_MAX_UPLOAD_BYTES', ['0', '64MB']],
    ['CAIRN_MAX_PIXELS', ['0', '1e400']],
    ['CAIRN_MAX_SIDE', ['0', '65536']],
    ['CAIRN_MAX_SCANS', ['0', 'many']],
    ['CAIRN_MAX_SIZE', ['32', '4128', 'big']],
    ['CAIRN_MAX_JOB_BYTES', ['0', '3GB']],
    ['CAIRN_BATCH_MAX_REFUSED', ['-1', 'all']],
    ['CAIRN_BATCH_MAX_RATIO', ['0']],
    ['CAIRN_URL_MAX_LENGTH', ['0']],
    ['CAIRN_UPLOAD_TTL_MS', ['0', 'week']],
    ['CAIRN_URL_ALLOW', ['http://localhost', '10.0.0.0/33', '*.internal', 'a b', 'host:80']],
    ['CAIRN_URL_TIMEOUT_MS', ['0', '30s', '2147483648']],
    ['CAIRN_URL_MIN_RATE', ['-1', '1k']],
    ['CAIRN_URL_MAX_REDIRECTS', ['-1']],
    ['CAIRN_URL_CONCURRENCY', ['0']],
    [
      'CAIRN_CORS_ORIGINS',
      ['*', 'viewer.example', 'https://viewer.example/', 'https://*.example', 'null', 'file:///x'],
    ],
    ['CAIRN_LOG_JSON', ['yes', '0']],
    [
      'CAIRN_STORE',
      ['s3://', 's3://Bucket', 's3://bucket:80', 's3://bucket/../x', 's3://bucket/a//b', 's3://k:s@bucket', 's3://b?x'],
    ],
    ['CAIRN_STORE', ['gs://bucket', 'http://host/bucket', 'file://host/folder']],
    ['CAIRN_S3_ENDPOINT', ['minio:9000', 's3://bucket']],
    ['CAIRN_S3_PATH_STYLE', ['yes']],
    ['CAIRN_STORE_REDIRECT', ['307']],
  ];
  const wrongValues = wrong.flatMap(([name, values]) => values.map((value): [string, string] => [name, value]));
  test.each(wrongValues)('%s=%s is refused by name', (name, value) => {
    expect(() => loadConfig({ [name]: value })).toThrow(
      expect.objectContaining({ code: 'option-invalid', message: expect.stringContaining(`${name}: `) }),
    );
  });

  test('names all that are wrong at once', () => {
    expect(() => loadConfig({ PORT: 'x', ROLE: 'y', CAIRN_THREADS: '0' })).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/ROLE: .*; PORT: .*; CAIRN_THREADS: /) }),
    );
  });

  test.each(['127.0.0.1', '::1', '0.0.0.0'])('on HOST=%s private URLs are refused unless they are listed', (HOST) => {
    expect(loadConfig({ HOST }).urls.policy.permits('localhost', '127.0.0.1')).toBe(false);
    const { policy } = loadConfig({ HOST, CAIRN_URL_ALLOW: 'localhost' }).urls;
    expect(policy.permits('localhost', '127.0.0.1')).toBe(true);
  });
});

describe('readEnv', () => {
  test('an empty variable counts as absent', () => {
    process.env['CAIRN_TEST_EMPTY'] = '';
    process.env['CAIRN_TEST_SET'] = 'x';
    try {
      const env = readEnv();
      expect('CAIRN_TEST_EMPTY' in env).toBe(false);
      expect(env['CAIRN_TEST_SET']).toBe('x');
    } finally {
      delete process.env['CAIRN_TEST_EMPTY'];
      delete process.env['CAIRN_TEST_SET'];
    }
  });
});

test('softwareVersion is that of package.json', () => {
  const file = new URL('../../../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  expect(softwareVersion()).toBe(version);
});
