import { readFileSync } from 'node:fs';
import { fixturePath } from './fixtures.js';
import type { Tensors } from './safetensors-bytes.js';

type Nested = number | Nested[];

/** The values that all files in test/fixtures/weights hold, by `layer/parameter`, flat in C order. */
export function fixtureValues(): Record<string, number[]> {
  const layers = JSON.parse(readFileSync(fixturePath('weights/values.json'), 'utf8')) as Record<
    string,
    Record<string, Nested[]>
  >;
  const entries = Object.entries(layers).flatMap(([layer, parameters]) =>
    Object.entries(parameters).map(([parameter, values]) => [`${layer}/${parameter}`, flatten(values)] as const),
  );
  return Object.fromEntries(entries);
}

function flatten(values: Nested[]): number[] {
  return values.flatMap((value) => (Array.isArray(value) ? flatten(value) : [value]));
}

export function fixtureShape(name: string): number[] {
  return name === 'conv1/kernel' ? [1, 1, 3, 2] : [2];
}

/** The fixture's parameters as safetensors, called `layer/parameter` or, with another separator, `layer.parameter`. */
export function fixtureTensors(
  Type: typeof Float32Array | typeof Float64Array = Float32Array,
  separator = '/',
): Record<string, Tensors[string]> {
  return Object.fromEntries(
    Object.entries(fixtureValues()).map(([name, values]) => [
      name.replace('/', separator),
      { shape: fixtureShape(name), data: Type.from(values) },
    ]),
  );
}
