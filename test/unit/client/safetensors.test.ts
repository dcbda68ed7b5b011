import { expect, test } from '@jest/globals';
import { LevelStream } from '../../../src/client/safetensors.js';
import { Tensor } from '../../../src/client/tensor.js';
import { decodeHalf } from '../../support/half.js';
import { safetensorsBytes, withHeader } from '../../support/safetensors-bytes.js';

// eslint-disable-next-line @typescript-eslint/require-await -- a stream of chunks
async function* inPieces(bytes: Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

test('tensors come in the order of their bytes, with the metadata as values', async () => {
  const file = safetensorsBytes(
    {
      P3: { shape: [1, 2, 1], data: Float32Array.of(1.5, -2) },
      P2: { shape: [2], data: Uint16Array.of(0x3c00, 0xc000) },
    },
    { id: '12', model: '1e3', size: '64', window: '[0,1,2,3]', note: 'text' },
  );
  const stream = await LevelStream.open(inPieces(file));
  expect(stream.metadata).toEqual({ id: '12', model: '1e3', size: 64, window: [0, 1, 2, 3], note: 'text' });
  const { tensors } = await stream.all();
  expect(Object.keys(tensors)).toEqual(['P3', 'P2']);
  expect([...tensors['P3']!.values, ...tensors['P2']!.values]).toEqual([1.5, -2, 1, -2]);
});

test.each([10, 70_000])('every float16 of %d elements has the value of its bits', (count) => {
  const halves = Uint16Array.from({ length: count }, (_, i) => (count < 1 << 16 ? i * 6553 : i));
  const { values } = new Tensor('C1', 'float16', [count], new Uint8Array(halves.buffer));
  expect(values.findIndex((value, i) => !Object.is(value, decodeHalf(halves[i]!)))).toBe(-1);
});

test('integers are decoded by their scale and zero point; without them they are counts', () => {
  const bytes = Uint8Array.of(0, 3, 255);
  expect([...new Tensor('C1', 'uint8', [3], bytes, { scale: 0.5, zeroPoint: 3 }).values]).toEqual([-1.5, 0, 126]);
  expect([...new Tensor('levels', 'uint8', [3], bytes).values]).toEqual([0, 3, 255]);
});

const head = (tensor: object) => withHeader(JSON.stringify({ C1: tensor }), new Uint8Array(64));

test.each([
  ['no JSON', withHeader('{')],
  ['a header of exabytes', withHeader('{}', new Uint8Array(0), 1n << 60n)],
  ['an unknown type', head({ dtype: 'I64', shape: [1], data_offsets: [0, 8] })],
  ['a negative shape', head({ dtype: 'F32', shape: [-1], data_offsets: [0, 4] })],
  ['other bytes than its shape', head({ dtype: 'F32', shape: [4], data_offsets: [0, 4] })],
  ['petabytes', head({ dtype: 'F32', shape: [2 ** 50], data_offsets: [0, 2 ** 52] })],
  ['a gap', head({ dtype: 'F32', shape: [1], data_offsets: [4, 8] })],
])('a file with %s is refused before its data are read', async (_, bytes) => {
  await expect(LevelStream.open(inPieces(bytes))).rejects.toMatchObject({ code: 'server-failed', transient: false });
});

test('a file that ends early is a connection that was lost', async () => {
  const file = safetensorsBytes({ C1: { shape: [4], data: new Float32Array(4) } });
  for (const length of [4, 20, file.length - 1]) {
    const read = async () => (await LevelStream.open(inPieces(file.subarray(0, length)))).all();
    await expect(read()).rejects.toMatchObject({ code: 'server-unreachable' });
  }
});

test('leaving the loop closes the source', async () => {
  let closed = false;
  const source = async function* () {
    try {
      yield* inPieces(
        safetensorsBytes({
          C1: { shape: [1], data: new Float32Array(1) },
          C2: { shape: [9], data: new Float32Array(9) },
        }),
      );
    } finally {
      closed = true;
    }
  };
  for await (const { name } of await LevelStream.open(source())) {
    expect(name).toBe('C1');
    break;
  }
  expect(closed).toBe(true);
});
