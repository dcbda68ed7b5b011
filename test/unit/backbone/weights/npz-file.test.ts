import { describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadWeights, openWeights } from '../../../../src/backbone/weights/weights.js';
import { fixtureShape, fixtureValues } from '../../../support/fixture-weights.js';
import { fixturePath } from '../../../support/fixtures.js';
import { fixtureGraph } from '../../../support/graphs.js';
import { npyBytes, type Npy } from '../../../support/npy-bytes.js';
import { expectNoOpenFiles } from '../../../support/open-files.js';
import { useTempDirs } from '../../../support/temp-dir.js';
import { zipBytes, type ZipMember } from '../../../support/zip-bytes.js';

const tempDir = useTempDirs();
expectNoOpenFiles();

const graph = fixtureGraph();

async function write(bytes: Uint8Array): Promise<string> {
  const path = join(await tempDir(), 'weights.npz');
  await writeFile(path, bytes);
  return path;
}

function bytesOf(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

/** The fixture's arrays as members, some changed or added. */
function members(changed: Readonly<Record<string, Partial<ZipMember> & { npy?: Partial<Npy> }>> = {}): ZipMember[] {
  const sound = Object.entries(fixtureValues()).map(([name, values]) => ({ name, shape: fixtureShape(name), values }));
  const added = Object.keys(changed).filter((name) => !sound.some((member) => member.name === name));
  return [...sound, ...added.map((name) => ({ name, shape: [1], values: [1] }))].map(({ name, shape, values }) => {
    const { npy, ...zip } = changed[name] ?? {};
    return { name: `${name}.npy`, data: npyBytes({ shape, data: bytesOf(values), ...npy }), ...zip };
  });
}

async function load(changed: Parameters<typeof members>[0] = {}) {
  return loadWeights(await write(zipBytes(members(changed))), graph);
}

const expected = await loadWeights(fixturePath('weights/numpy.npz'), graph);

describe('npz', () => {
  test('is read however numpy writes it', async () => {
    const kernel = [0.5, 2, -0.75, -1.25, 0.0625, 3];
    const bias = Buffer.from(bytesOf([0.125, -8]));
    const files: Parameters<typeof members>[0][] = [
      {},
      { 'conv1/kernel': { deflate: true }, 'bn_conv1/gamma': { deflate: true } },
      { 'conv1/kernel': { npy: { version: 2 } }, 'conv1/bias': { npy: { version: 3 } } },
      { 'conv1/kernel': { npy: { fortran: true, data: bytesOf(kernel) } } },
      { 'conv1/bias': { npy: { descr: "'>f4'", data: Buffer.from(bias).swap32() } } },
      { 'conv1/bias': { npy: { descr: "'<f8'", data: new Uint8Array(Float64Array.of(0.125, -8).buffer) } } },
      { 'conv1/bias': { npy: { descr: "'>f2'", data: Buffer.of(0x30, 0, 0xc8, 0) } } },
      // C++ and JavaScript libraries leave out what numpy writes for beauty.
      { 'conv1/bias': { npy: { header: "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}" } } },
      { 'conv1/bias': { npy: { header: "{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }" } } },
    ];
    for (const changed of files) expect((await load(changed)).digest).toBe(expected.digest);
  });

  // Of a large array only the head is unpacked at first, and the rest of its blocks is left.
  test.each([100, 20_000, 70_000, 400_000])(
    'a compressed array of %i numbers is read like a small one',
    async (count) => {
      const data = randomBytes(count * 4);
      // Random bytes are not compressible, zeros are: the second array has far fewer blocks than pieces.
      const arrays = { noise: data, zeros: Buffer.alloc(count * 4) };
      const bytes = zipBytes(
        Object.entries(arrays).map(([name, values]) => ({
          name: `${name}.npy`,
          data: npyBytes({ descr: "'<f4'", shape: [count], data: values }),
          deflate: true,
        })),
      );
      const reader = await openWeights(await write(bytes), graph);
      for (const entry of reader.entries()) {
        const values = await reader.read(entry);
        const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
        expect(bytes.equals(arrays[entry.path as keyof typeof arrays])).toBe(true);
      }
      await reader.close();
    },
  );

  test('arrays of three axes in Fortran order are put in C order', async () => {
    const shape = [2, 3, 4];
    const at = (i: number, j: number, k: number) => 100 * i + 10 * j + k;
    const values: number[] = [];
    for (let k = 0; k < 4; k++) for (let j = 0; j < 3; j++) for (let i = 0; i < 2; i++) values.push(at(i, j, k));
    const npy = { shape, fortran: true, data: bytesOf(values) };
    const reader = await openWeights(await write(zipBytes([{ name: 'x.npy', data: npyBytes(npy) }])), graph);
    const ordered = [...(await reader.read(reader.entries()[0]!))];
    await reader.close();
    const inOrder = [0, 1].flatMap((i) => [0, 1, 2].flatMap((j) => [0, 1, 2, 3].map((k) => at(i, j, k))));
    expect(ordered).toEqual(inOrder);
  });

  test.each([
    ['Python objects', "'|O'", /a pickle, and is not read; save each array under its own name/],
    ['whole numbers', "'<i8'", /conv1\/bias has type <i8; float16, bfloat16, float32 and float64 are read/],
    ['what numpy makes of bfloat16', "'|V2'", /has type \|V2; .* bfloat16 not from npz/],
    ['records', "[('x', '<f4'), ('y', '<f4')]", /has type \[\(x, <f4\)/],
    ['complex numbers', "'<c8'", /has type <c8/],
  ])('%s are refused, and only where they are needed', async (_, descr, reason) => {
    const npy = { descr, data: new Uint8Array(8), shape: [2] };
    await expect(load({ 'conv1/bias': { npy } })).rejects.toMatchObject({
      code: 'weights-unreadable',
      message: expect.stringMatching(reason),
    });
    expect((await load({ other: { npy } })).digest).toBe(expected.digest);
  });

  test('a file of nothing but Python objects is refused at once', async () => {
    await expect(openWeights(fixturePath('weights/numpy-objects.npz'), graph)).rejects.toMatchObject({
      code: 'weights-unreadable',
      message: expect.stringMatching(/Python objects only.*np\.savez/),
    });
  });

  const sound = npyBytes({ shape: [2], data: bytesOf([0.125, -8]) });
  const header = (text: string) => ({ npy: { header: text } });
  test.each<[string, Partial<ZipMember> & { npy?: Partial<Npy> }, RegExp]>([
    ['a shape that is too large', { npy: { shape: [3] } }, /its shape is \[3\], its size \d+ bytes/],
    ['a shape beyond all bounds', { npy: { shape: [2 ** 40, 2 ** 40] } }, /its shape is/],
    ['bytes behind the array', { data: Buffer.concat([sound, Buffer.of(0)]) }, /its shape is \[2\]/],
    ['a size that is a lie', { declaredSize: 1000 }, /size mismatch|its shape is/],
    ['a size that is a lie, compressed', { deflate: true, declaredSize: 2 ** 31 }, /early|its shape is/],
    [
      'a compressed size behind the file',
      { deflate: true, declaredCompressedSize: 2 ** 31 },
      /file bounds|outside the file/,
    ],
    ['a place behind the file', { at: 2 ** 31 }, /outside the file/],
    ['a place that is no entry', { at: 3 }, /invalid local file header/],
    ['an encrypted entry', { deflate: true, flags: 1 }, /it is encrypted/],
    ['an unknown compression', { method: 12 }, /compression method is 12/],
    ['data that cannot be inflated', { method: 8 }, /cannot be read/],
    ['no npy', { data: Buffer.from('not at all') }, /it is not npy/],
    ['a version to come', { npy: { version: 4 } }, /npy version is 4/],
    ['a header cut short', { data: sound.subarray(0, 40) }, /header is malformed/],
    ['a header of 4 GB', { data: Buffer.from('\x93NUMPY\x02\x00\xff\xff\xff\xff{}', 'latin1') }, /4294967295 bytes/],
    ['a header that is code', header("{'descr': __import__('os').system('x'), 'shape': (2,)}"), /header is malformed/],
    ['a header without a shape', header("{'descr': '<f4', 'fortran_order': False, }"), /header is malformed/],
    ['a shape of text', header("{'descr': '<f4', 'fortran_order': False, 'shape': ('2',), }"), /header is malformed/],
    ['a negative length', header("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }"), /header is malformed/],
    ['a header of spaces', header(' '.repeat(9000)), /header is malformed/],
    [
      'nine axes',
      header(`{'descr': '<f4', 'fortran_order': False, 'shape': (${'1, '.repeat(9)}), }`),
      /has 9 axes|malformed/,
    ],
  ])('%s is refused', async (_, changed, reason) => {
    await expect(load({ 'conv1/bias': changed })).rejects.toMatchObject({
      code: 'weights-unreadable',
      message: expect.stringMatching(reason),
    });
  });

  test('a wrong checksum is refused', async () => {
    await expect(load({ 'conv1/bias': { crc: 1 } })).rejects.toMatchObject({
      code: 'weights-unreadable',
      message: expect.stringContaining('conv1/bias cannot be read: its checksum is wrong'),
    });
  });

  test('what a small entry blows up to is not inflated', async () => {
    const bomb = { deflate: true, data: Buffer.alloc(50_000_000), declaredSize: 136 };
    await expect(load({ 'conv1/bias': bomb })).rejects.toMatchObject({ code: 'weights-unreadable' });
  });

  test('names that occur twice are refused', async () => {
    const twice = zipBytes([...members(), members()[0]!]);
    await expect(openWeights(await write(twice), graph)).rejects.toMatchObject({
      code: 'weights-unreadable',
      message: expect.stringContaining('two entries are called conv1/kernel.npy'),
    });
  });

  test('a directory that promises more entries than it has is refused', async () => {
    const short = zipBytes(members(), { entryCount: 65_000 });
    await expect(openWeights(await write(short), graph)).rejects.toMatchObject({ code: 'weights-unreadable' });
  });
});
