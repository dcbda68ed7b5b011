import fc, { type Arbitrary } from 'fast-check';
import type { Schema } from './operations.js';

/** Names of what the server has, which stand for ids that only a run knows; see `Known`. */
export const KNOWN_NAMES = [
  'features',
  'features8',
  'job',
  'failedJob',
  'batch',
  'image',
  'group',
  'etag',
  'announcement',
] as const;
export type KnownName = (typeof KNOWN_NAMES)[number];
export const placeholder = (name: KnownName) => `$${name}$`;

/**
 * What leads beyond the first check, by the name of the parameter or property. Models are small, so that the worker computes
 * thousands; the others come up by their schema.
 */
const USUAL: Readonly<Record<string, readonly unknown[]>> = {
  model: ['mask-rcnn-resnet18'],
  size: [64, 96, 128],
  levels: [['C5'], ['C4', 'C5'], ['C2']],
  sha256: [placeholder('image')],
  url: [
    'http://127.0.0.1:1/x.png',
    'http://[::1]/',
    'file:///etc/passwd',
    'http://169.254.169.254/latest',
    'https://user:secret@nowhere.invalid/a',
  ],
  ids: [[placeholder('announcement')]],
  id: KNOWN_NAMES.map(placeholder),
  group: [placeholder('group')],
  consumer: ['a'],
  after: ['0', placeholder('announcement')],
  batch: [placeholder('batch')],
  path: ['zarr.json', 'C5/zarr.json', 'C5/c/0/0/0', '../zarr.json'],
  boxes: [[[0, 0, 32, 32]], [[0.5, -3, 1e9, 64]]],
  version: ['1'],
  window: ['0,0,32,32'],
  inputs: [
    [{ name: 'image', datatype: 'UINT8', shape: [1, 2, 2, 3], data: Array.from({ length: 12 }, (_, i) => i) }],
    [{ name: 'image', datatype: 'UINT8', shape: [8, 8, 3], parameters: { binary_data_size: 192 } }],
  ],
  outputs: [[{ name: 'C5' }]],
};
/** What has broken servers. */
const NASTY = [
  '',
  ' ',
  '.',
  '..',
  '../../etc/passwd',
  '%00',
  '%zz',
  '%2e%2e%2f',
  '\u0000',
  '\u2028',
  '𝒳'.repeat(20),
  'meta',
  'constructor',
  '__proto__',
  '-1',
  '1e999',
  'NaN',
  'null',
  '{}',
  "'",
  '"',
  '<script>',
  '$(id)',
  '*',
  'x'.repeat(3000),
  '9'.repeat(40),
] as const;

export const nastyText: Arbitrary<string> = fc.oneof(
  fc.constantFrom(...NASTY),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 40 }),
  fc.constantFrom(...KNOWN_NAMES).map(placeholder),
);

const nastyJson: Arbitrary<unknown> = fc.oneof(
  nastyText,
  fc.double(),
  fc.integer(),
  fc.constantFrom(null, true, false, [], {}, [[]], -0, 2 ** 53, 1e308),
  fc.jsonValue({ maxDepth: 2 }),
);

/** As `valueOf`, for a place of the request that holds only text. */
export function textOf(schema: Schema, name: string): Arbitrary<string> {
  return valueOf(schema, name).map(inText);
}

/** A list with commas, as queries have it; an object as JSON, since it may have a `toString` of its own that is no function. */
function inText(drawn: unknown): string {
  if (Array.isArray(drawn)) return drawn.map(inText).join();
  if (typeof drawn === 'object') return JSON.stringify(drawn);
  const primitive = drawn as string | number | boolean;
  return String(primitive);
}

/** Mostly what the schema allows, now and then anything. */
export function valueOf(schema: Schema, name: string, depth = 0): Arbitrary<unknown> {
  const usual = Object.hasOwn(USUAL, name) ? USUAL[name]! : [];
  const options: { weight: number; arbitrary: Arbitrary<unknown> }[] = [
    { weight: 6, arbitrary: valid(schema, name, depth) },
    { weight: 1, arbitrary: nastyJson },
  ];
  if (usual.length > 0) options.push({ weight: 12, arbitrary: fc.constantFrom(...usual) });
  return fc.oneof(...options);
}

function valid(schema: Schema, name: string, depth: number): Arbitrary<unknown> {
  const given = [schema.default, schema.example, schema.const].filter((value) => value !== undefined);
  if (given.length > 0 && schema.type === undefined) return fc.constantFrom(...given);
  if (schema.enum && schema.enum.length > 0) return fc.constantFrom(...schema.enum);
  const others = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (others && others.length > 0) return fc.oneof(...others.map((other) => valueOf(other, name, depth + 1)));
  const { minimum = -10, maximum = 5000, multipleOf } = schema;
  switch (schema.type) {
    case 'integer':
      return multipleOf === undefined
        ? integers(minimum, maximum)
        : integers(minimum / multipleOf, maximum / multipleOf).map((n) => n * multipleOf);
    case 'number':
      return fc.double({ min: minimum, max: Math.max(minimum, maximum), noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(valueOf(schema.items ?? {}, name, depth + 1), { maxLength: depth > 2 ? 1 : 4 });
    case 'object':
      return object(schema, depth);
    default:
      return given.length > 0 ? fc.oneof(fc.constantFrom(...given), nastyText) : nastyText;
  }
}

function integers(least: number, most: number): Arbitrary<number> {
  const [min, max] = [Math.max(Math.ceil(least), -(2 ** 31)), Math.min(Math.floor(most), 2 ** 31)];
  return fc.integer({ min: Math.min(min, max), max });
}

function object(schema: Schema, depth: number): Arbitrary<unknown> {
  const { properties = {}, required = [] } = schema;
  if (depth > 5) return fc.constant({});
  const known = fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, valueOf(inner, name, depth + 1)])),
    // A required property is left out by mutations of the text.
    { requiredKeys: required.filter((name) => Object.hasOwn(properties, name)) },
  );
  const more = fc.dictionary(fc.string({ maxLength: 12 }), nastyJson, { maxKeys: 2 });
  return fc.oneof(
    { weight: 8, arbitrary: known },
    { weight: 1, arbitrary: fc.tuple(known, more).map(([a, b]) => ({ ...b, ...a })) },
  );
}
