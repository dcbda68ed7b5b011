// Writes docs/limits.md from the code's own tables of limits, or checks that it says what they say.
//
//     npm run docs:limits [-- --check]
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import prettier from 'prettier';

import { readOptions } from './setup/options.mjs';
import { fail, setup } from './setup.mjs';

const USAGE = `npm run docs:limits [-- --check]

Writes docs/limits.md; --check fails where it is not what the code says, and writes nothing.
`;
const FILE = fileURLToPath(new URL('../docs/limits.md', import.meta.url));
const built = (path) => import(new URL(`../dist/src/${path}.js`, import.meta.url));

const HEAD = `# Limits

<!-- Written by \`npm run docs:limits\` from src/config/limits.ts and scripts/docs-limits.mjs. -->

What Cairn refuses, and when. A limit of the API is answered with a stable code: problem details (RFC 9457) on \`/v1\`, the
error of the protocol on \`/v2\`. A limit of a worker ends the job with that code. The default limits suit an API with 4 GiB of
memory and workers with 6 GiB. \`GET /metrics\` shows the budgets that requests and jobs share, as \`cairn_…\` beside
\`cairn_…_limit\`, and what was refused: \`cairn_budget_refusals_total\`, \`cairn_http_errors_total\` and
\`cairn_job_failures_total\`.
`;

/** Limits that cannot be set, by what they bound: `[value, unit, process, bounds, beyond]`. */
async function fixedLimits() {
  const from = async (path, ...names) => {
    const module = await built(path);
    return names.map((name) => {
      if (module[name] === undefined) throw new Error(`${path} exports no ${name}`);
      return module[name];
    });
  };
  const [MAX_JSON_BYTES, MAX_FIELDS, MAX_FIELD_BYTES] = await from(
    'api/server',
    ...['MAX_JSON_BYTES', 'MAX_FIELDS', 'MAX_FIELD_BYTES'],
  );
  const [MAX_KEYS] = await from('api/http/zod-pipe', 'MAX_KEYS');
  const [MAX_REQUEST_JSON_BYTES] = await from('api/inference/inference-request', 'MAX_REQUEST_JSON_BYTES');
  const [MAX_IMAGES] = await from('api/inference/image-input', 'MAX_IMAGES');
  const [MAX_INFLATION] = await from('api/http/request-body', 'MAX_INFLATION');
  const [MAX_BOXES, MAX_OUTPUT_SIDE, MAX_SAMPLING_RATIO] = await from(
    'api/features/region-request',
    ...['MAX_BOXES', 'MAX_OUTPUT_SIDE', 'MAX_SAMPLING_RATIO'],
  );
  const [REGIONS] = await from('features/roi-align/band-cache', 'REGION_BANDS');
  const [MAX_PREFETCH, MAX_IDS] = await from('api/stream/stream-options', 'MAX_PREFETCH', 'MAX_IDS');
  const [MAX_GROUPS] = await from('announcements/consumer-groups', 'MAX_GROUPS');
  const [MAX_KEY_CHARS] = await from('api/batches/batches.controller', 'MAX_KEY_CHARS');
  const [MAX_FILES] = await from('api/batches/read-entries', 'MAX_FILES');
  const [MAX_LIMIT] = await from('api/batches/results.controller', 'MAX_LIMIT');
  const [MAX_LINES, MAX_NAME_BYTES] = await from('batches/entries/entry', 'MAX_LINES', 'MAX_NAME_BYTES');
  const [MAX_LINE_BYTES] = await from('batches/entries/ndjson-entries', 'MAX_LINE_BYTES');
  const [MAX_DEATHS_ALONE] = await from('worker/casualties', 'MAX_DEATHS_ALONE');
  const [MAX_HANDED_ON] = await from('worker/waiting', 'MAX_HANDED_ON');
  const [MAX_ENTRY_BYTES] = await from('features/archive-reader', 'MAX_ENTRY_BYTES');
  const [MAX_ENTRIES] = await from('formats/zip/zip-reader', 'MAX_ENTRIES');
  const [MAX_READ_HEADER_BYTES, MAX_TENSORS] = await from(
    'formats/safetensors/read',
    ...['MAX_READ_HEADER_BYTES', 'MAX_TENSORS'],
  );
  const [MAX_ARRAYS] = await from('backbone/weights/npz-file', 'MAX_ARRAYS');
  const code = (name) => ({ code: name });
  return [
    [MAX_JSON_BYTES, 'bytes', 'API', 'a JSON body outside of `/v2` and batches', code('upload-too-large')],
    [MAX_KEYS, 'count', 'API', 'fields of such a body', code('request-malformed')],
    [MAX_FIELDS, 'count', 'API', 'fields of a form', code('upload-too-large')],
    [
      MAX_FIELD_BYTES,
      'bytes',
      'API',
      'a field of a form',
      'it is cut off, which no option survives: `400 option-invalid`',
    ],
    [MAX_REQUEST_JSON_BYTES, 'bytes', 'API', 'the JSON of a `/v2` request', code('upload-too-large')],
    [MAX_IMAGES, 'count', 'API', 'images of a `/v2` request', code('request-malformed')],
    [MAX_INFLATION, 'times', 'API', 'what a `/v2` body unpacks to, beyond 64 MiB', code('upload-too-large')],
    [MAX_BOXES, 'count', 'API', 'boxes of a request for regions', code('option-invalid')],
    [MAX_OUTPUT_SIDE, 'count', 'API', 'bins of a region along each axis', code('option-invalid')],
    [MAX_SAMPLING_RATIO, 'count', 'API', 'samples of a bin along each axis', code('option-invalid')],
    [REGIONS.readers, 'count', 'API', 'requests for regions at once', code('busy')],
    [REGIONS.bands, 'count', 'API', 'bands, of up to 2 MiB, that these share', 'each has fewer, at least one'],
    [MAX_GROUPS, 'count', 'API', 'consumer groups', code('group-conflict')],
    [MAX_PREFETCH, 'count', 'API', '`prefetch` of a consumer', code('option-invalid')],
    [MAX_IDS, 'count', 'API', 'announcements in one acknowledgement', code('option-invalid')],
    [MAX_KEY_CHARS, 'count', 'API', 'characters of an `Idempotency-Key`', code('option-invalid')],
    [MAX_LINES, 'count', 'API', 'images of a batch', code('batch-too-large')],
    [MAX_FILES, 'count', 'API', 'files of a batch that is a form', code('upload-too-large')],
    [MAX_LINE_BYTES, 'bytes', 'API', 'a line of a manifest', 'the line is refused: `option-invalid`'],
    [MAX_NAME_BYTES, 'bytes', 'API', 'the name of an image of a batch', 'the line is refused: `option-invalid`'],
    [MAX_LIMIT, 'count', 'API', 'results of a page', code('option-invalid')],
    [MAX_DEATHS_ALONE, 'count', 'worker', 'workers that die of a job which runs alone', code('job-killed-worker')],
    [MAX_HANDED_ON, 'count', 'worker', 'times that a job for other weights is handed on', code('weights-changed')],
    [MAX_ENTRY_BYTES, 'bytes', 'API, worker', 'an entry of a stored archive', code('features-corrupt')],
    [MAX_READ_HEADER_BYTES, 'bytes', 'worker', 'the header of a weights file', code('weights-unreadable')],
    [MAX_TENSORS, 'count', 'worker', 'tensors of a safetensors file', code('weights-unreadable')],
    [MAX_ARRAYS, 'count', 'worker', 'arrays of an npz file', code('weights-unreadable')],
    [MAX_ENTRIES, 'count', 'worker', 'entries of a zip with weights', code('weights-unreadable')],
  ];
}

async function document() {
  const { LIMITS } = await built('config/limits');
  const { HTTP_STATUS } = await built('api/http/status');
  const beyond = (outcome) => {
    if (typeof outcome === 'string') return outcome;
    const status = HTTP_STATUS[outcome.code];
    if (status === undefined) throw new Error(`${outcome.code} has no HTTP status`);
    return `\`${status} ${outcome.code}\``;
  };
  const table = (names, rows) => [names, names.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
  const settings = Object.entries(LIMITS).map(([name, limit]) => [
    ...[`\`${name}\``, typeof limit.standard === 'number' ? shown(limit.standard, limit.unit) : limit.standard],
    ...[limit.of, limit.bounds, beyond(limit.beyond)],
  ]);
  const fixed = (await fixedLimits()).map(([value, unit, of, bounds, outcome]) => [
    ...[shown(value, unit), of, bounds, beyond(outcome)],
  ]);
  const text = [
    HEAD,
    '## Settings\n',
    ...table(['variable', 'default', 'process', 'bounds', 'beyond'], settings),
    '\n## Fixed\n',
    ...table(['limit', 'process', 'bounds', 'beyond'], fixed),
  ].join('\n');
  return prettier.format(text, { ...(await prettier.resolveConfig(FILE)), filepath: FILE });
}

/** A number as one would read it, in its largest whole unit. */
function shown(value, unit) {
  const units = {
    bytes: [
      ['GiB', 2 ** 30],
      ['MiB', 2 ** 20],
      ['KiB', 2 ** 10],
      ['bytes', 1],
    ],
    milliseconds: [
      ['days', 86_400_000],
      ['h', 3_600_000],
      ['min', 60_000],
      ['s', 1000],
      ['ms', 1],
    ],
  }[unit] ?? [[{ pixels: ' pixels', times: ' times', 'bytes per second': ' bytes/s' }[unit] ?? '', 1]];
  const [name, size] = units.find(([, size]) => value >= size && value % size === 0) ?? units.at(-1);
  return `${(value / size).toLocaleString('en-GB')} ${name.trim()}`.trim();
}

async function main(check) {
  const text = await document();
  const before = await readFile(FILE, 'utf8').catch(() => '');
  if (!check) await writeFile(FILE, text);
  else if (before !== text) throw new Error('docs/limits.md is not what the code says: npm run docs:limits writes it.');
}

try {
  const options = readOptions(USAGE, { check: { type: 'boolean' }, built: { type: 'boolean' } });
  if (options) {
    // The tests run it on what they have built.
    if (!options.built) await setup({ redis: false });
    await main(options.check);
  }
} catch (error) {
  fail(error);
}
