import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { DistinctImages } from '../distinct-images.js';

const PHOTOS = ['astronaut.jpg', 'landscape.jpg'];
const QUALITY = 90;
/** Height to width. Such images fill the canvas by Matterport's rule as they do by the scripts', which only fit. */
const ASPECT = 3 / 4;

/** `count` different crops of the repository's photographs, as JPEG. */
export async function makeImages(count: number): Promise<DistinctImages[]> {
  const photos = await Promise.all(
    PHOTOS.map((name) => readFile(new URL(`../../../test/fixtures/images/${name}`, import.meta.url))),
  );
  return Promise.all(Array.from({ length: count }, (_, index) => crop(photos[index % photos.length]!, index)));
}

async function crop(photo: Buffer, index: number): Promise<DistinctImages> {
  const { width, height } = await sharp(photo).metadata();
  const share = 0.7 + 0.3 * golden(index);
  const w = Math.round(Math.min(width, height / ASPECT) * share);
  const h = Math.round(w * ASPECT);
  const left = Math.floor((width - w) * golden(index + 1));
  const top = Math.floor((height - h) * golden(index + 2));
  const part = sharp(photo).extract({ left, top, width: w, height: h });
  return new DistinctImages(await part.jpeg({ quality: QUALITY }).toBuffer(), 'image/jpeg');
}

/** Evenly spread in [0, 1): the same on every run. */
function golden(index: number): number {
  return (index * 0.618034) % 1;
}

/** Writes the next of each image to a new folder and returns their paths: a service has not seen them. */
export async function writeImages(folder: string, images: readonly DistinctImages[]): Promise<string[]> {
  await mkdir(folder);
  const paths = images.map((_, index) => join(folder, `image-${String(index).padStart(3, '0')}.jpg`));
  await Promise.all(paths.map((path, index) => writeFile(path, images[index]!.next())));
  return paths;
}
