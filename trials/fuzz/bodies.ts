import fc, { type Arbitrary } from 'fast-check';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { mutated, spoiled } from './mutations.js';
import type { Operation } from './operations.js';
import { nastyText, placeholder, textOf, valueOf } from './values.js';
import { tarOf, zipOf } from './packages.js';

export interface FuzzBody {
  readonly bytes: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

const FIXTURES = fileURLToPath(new URL('../../../test/fixtures/images/', import.meta.url));
/** Larger images would only take the time of others. */
const MAX_IMAGE_BYTES = 100_000;
const BOUNDARY = 'fuzz-boundary';
/** What a compressed body of ten kilobytes unpacks to. */
const BOMB_BYTES = 10 << 20;

const images = readdirSync(FIXTURES)
  .filter((name) => /\.(png|jpg)$/.test(name))
  .map((name) => readFileSync(FIXTURES + name))
  .filter(({ length }) => length < MAX_IMAGE_BYTES);
const image = mutated(fc.constantFrom(...images), 0.6);
const bomb = gzipSync(Buffer.alloc(BOMB_BYTES, '{}'));

/** Bodies for an operation: of its own types, of others, and none. */
export function bodyOf(operation: Operation): Arbitrary<FuzzBody | undefined> {
  const own = operation.bodies.map(([type, { schema, example }]) => {
    const json = example === undefined ? valueOf(schema, '') : fc.oneof(valueOf(schema, ''), fc.constant(example));
    return ofType(type, json, operation);
  });
  const foreign = fc.oneof(
    plain(image),
    plain(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))),
    forms(operation),
  );
  const nothing = fc.constant(undefined);
  if (own.length === 0) return fc.oneof({ weight: 20, arbitrary: nothing }, { weight: 1, arbitrary: packed(foreign) });
  return fc.oneof(
    { weight: 20, arbitrary: packed(fc.oneof(...own)) },
    { weight: 2, arbitrary: packed(foreign) },
    { weight: 1, arbitrary: nothing },
  );
}

function ofType(type: string, json: Arbitrary<unknown>, operation: Operation): Arbitrary<FuzzBody> {
  if (type === 'multipart/form-data') return forms(operation);
  if (type === 'application/x-ndjson') return withType(type, mutated(manifests));
  if (type === 'application/x-tar') return withType(type, mutated(files.map(tarOf)));
  if (type === 'application/zip') return withType(type, mutated(files.map(zipOf)));
  if (type === 'application/gzip')
    return withType(type, mutated(fc.oneof(files.map(tarOf), manifests).map((bytes) => gzipSync(bytes))));
  if (type.includes('json'))
    return fc.oneof(
      { weight: 3, arbitrary: withType(type, mutated(json.map(text), 0.25)) },
      { weight: 1, arbitrary: withTail(json) },
    );
  return withType(type.replace('*', 'png'), image);
}

const text = (value: unknown) => Buffer.from((JSON.stringify(value) as string | undefined) ?? 'undefined');
const plain = (bytes: Arbitrary<Buffer>) => bytes.map((body): FuzzBody => ({ bytes: body, headers: {} }));
const withType = (type: string, bytes: Arbitrary<Buffer>) =>
  bytes.map((body): FuzzBody => ({ bytes: body, headers: { 'content-type': type } }));

/** JSON with binary data behind it, as the Open Inference Protocol has them, whose lengths may be wrong. */
function withTail(json: Arbitrary<unknown>): Arbitrary<FuzzBody> {
  const tail = fc.oneof(
    image,
    fc.constantFrom(0, 1, 192, 500).map((length) => Buffer.alloc(length, 7)),
  );
  return fc.tuple(json.map(text), tail, fc.constantFrom(0, 0, 0, 1, -5, 1e9)).map(([head, more, wrong]) => ({
    bytes: Buffer.concat([head, more]),
    headers: { 'inference-header-content-length': String(head.length + wrong) },
  }));
}

const files = fc.array(
  fc.tuple(fc.oneof(fc.constantFrom('a.png', 'b/c.jpg', '../d.png', '.e', ''), nastyText), image),
  { maxLength: 4 },
);

const manifests = fc
  .array(
    fc.oneof(
      fc.constant(
        `{"source":{"sha256":"${placeholder('image')}"},"model":"mask-rcnn-resnet18","size":64,"levels":["C5"]}`,
      ),
      fc.record({ source: fc.record({ url: nastyText }), name: nastyText }).map((line) => JSON.stringify(line)),
      nastyText,
    ),
    { maxLength: 6 },
  )
  .map((lines) => Buffer.from(lines.join('\n')));

/** The options of the operation as fields, and an image as a file; or something else. */
function forms(operation: Operation): Arbitrary<FuzzBody> {
  const queries = operation.parameters.filter((parameter) => parameter.in === 'query');
  const fields = fc.record(Object.fromEntries(queries.map(({ name, schema }) => [name, textOf(schema, name)])), {
    requiredKeys: [],
  });
  const form = fc.tuple(fields, fc.array(image, { maxLength: 2 }), nastyText).map(([given, parts, odd]) => {
    const chunks: (Buffer | string)[] = [];
    for (const [name, value] of Object.entries(given)) chunks.push(part(`name="${name}"`), value ?? '', '\r\n');
    for (const bytes of parts)
      chunks.push(part(`name="image"; filename="${odd.replace(/["\r\n]/g, '')}"`), bytes, '\r\n');
    return Buffer.concat([...chunks.map((chunk) => Buffer.from(chunk as string)), Buffer.from(`--${BOUNDARY}--\r\n`)]);
  });
  return withType(`multipart/form-data; boundary=${BOUNDARY}`, mutated(form, 0.3));
}

const part = (disposition: string) => `--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`;

/** Mostly as it is; now and then compressed, or said to be. */
function packed(body: Arbitrary<FuzzBody>): Arbitrary<FuzzBody> {
  const encoded = (encoding: string, pack: (bytes: Buffer) => Buffer) =>
    body.map(({ bytes, headers }) => ({ bytes: pack(bytes), headers: { ...headers, 'content-encoding': encoding } }));
  const zipped = encoded('gzip', gzipSync);
  return fc.oneof(
    { weight: 30, arbitrary: body },
    { weight: 2, arbitrary: zipped },
    {
      weight: 1,
      arbitrary: fc
        .tuple(zipped, spoiled(zipped.map(({ bytes }) => bytes)))
        .map(([{ headers }, bytes]) => ({ headers, bytes })),
    },
    { weight: 1, arbitrary: encoded('deflate', deflateSync) },
    { weight: 1, arbitrary: encoded('br', brotliCompressSync) },
    { weight: 1, arbitrary: encoded('gzip', (bytes) => bytes) },
    { weight: 1, arbitrary: encoded('zstd', (bytes) => bytes) },
    { weight: 1, arbitrary: encoded('gzip', () => bomb) },
  );
}
