import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

const PHOTOS = ['astronaut.jpg', 'landscape.jpg'];
const QUALITY = 90;
/** Height to width. Such images fill the canvas by Matterport's rule as they do by the scripts', which only fit. */
const ASPECT = 3 / 4;

/** `count` different crops of the repository's photographs, as JPEG. */
export async function makeImages(count: number): Promise<Buffer[]> {
  const photos = await Promise.all(
    PHOTOS.map((name) => readFile(new URL(`../../../test/fixtures/images/${name}`, import.meta.url))),
  );
  return Promise.all(Array.from({ length: count }, (_, index) => crop(photos[index % photos.length]!, index)));
}

async function crop(photo: Buffer, index: number): Promise<Buffer> {
  const { width, height } = await sharp(photo).metadata();
  const share = 0.7 + 0.3 * golden(index);
  const w = Math.round(Math.min(width, height / ASPECT) * share);
  const h = Math.round(w * ASPECT);
  const left = Math.floor((width - w) * golden(index + 1));
  const top = Math.floor((height - h) * golden(index + 2));
  return sharp(photo).extract({ left, top, width: w, height: h }).jpeg({ quality: QUALITY }).toBuffer();
}

/** Evenly spread in [0, 1): the same on every run. */
function golden(index: number): number {
  return (index * 0.618034) % 1;
}

/**
 * Writes images to a new folder and returns their paths. Decoders stop at the end of an image: the `tag` behind it makes
 * another digest and the same pixels, so that a service does not answer from its store.
 */
export async function writeImages(folder: string, images: readonly Buffer[], tag: string): Promise<string[]> {
  await mkdir(folder);
  const paths = images.map((_, index) => join(folder, `image-${String(index).padStart(3, '0')}.jpg`));
  await Promise.all(paths.map((path, index) => writeFile(path, Buffer.concat([images[index]!, Buffer.from(tag)]))));
  return paths;
}
