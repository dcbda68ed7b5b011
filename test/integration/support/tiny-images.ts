import sharp from 'sharp';
import type { Client } from './client.js';

const MODEL = 'mask-rcnn-resnet18';

/** Submits `count` new images, to be computed at the smallest size; returns the ids of the jobs. */
export async function submitDistinct(
  client: Client,
  count: number,
  query = `model=${MODEL}&size=64`,
): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) ids.push((await client.submit(await tinyImage(), query)).id);
  return ids;
}

/** 12 × 12 pixels of noise, another each time. */
function tinyImage(): Promise<Buffer> {
  const pixels = crypto.getRandomValues(new Uint8Array(12 * 12 * 3));
  return sharp(pixels, { raw: { width: 12, height: 12, channels: 3 } })
    .png()
    .toBuffer();
}
