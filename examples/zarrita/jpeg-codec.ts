import sharp from 'sharp';
import { registry } from 'zarrita';

/** What zarrita passes to a codec and takes from it: a chunk in memory. */
interface Chunk {
  readonly data: Uint8Array;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
}

/** A codec that only reads. */
function reading(kind: 'array_to_array' | 'array_to_bytes', decode: (input: never) => unknown): object {
  const encode = () => {
    throw new Error('This codec only reads.');
  };
  return { kind, encode, decode };
}

/**
 * Teaches zarrita to read levels that Cairn stored with `codec=jpeg`. A chunk is one grey JPEG image of its channels'
 * planes below each other; `transpose`, which zarrita has, puts the axes in order. In a browser, `createImageBitmap` and a
 * canvas take the place of sharp.
 */
export function registerJpeg(): void {
  // The image's pixels are the chunk's elements in the same order: only the shape differs, and that one is known.
  registry.set('reshape', () =>
    Promise.resolve({ fromConfig: () => reading('array_to_array', (chunk: Chunk) => chunk) }),
  );
  registry.set('jpeg', () =>
    Promise.resolve({
      fromConfig: (_, { shape }) =>
        reading('array_to_bytes', async (bytes: Uint8Array): Promise<Chunk> => {
          const pixels = await sharp(bytes, { limitInputPixels: false }).toColourspace('b-w').raw().toBuffer();
          const stride = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, length) => product * length, 1));
          return { data: new Uint8Array(pixels), shape, stride };
        }),
    }),
  );
}
