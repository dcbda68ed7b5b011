import sharp from 'sharp';
import { Random } from './random.js';

const COUNTER_BYTES = 8;

/** The pictures are few, so that what their features must be is known; the images are as many as are wanted. */
export class ImagePool {
  private made = 0;

  private constructor(private readonly pictures: readonly Buffer[]) {}

  static async make(count: number, random: Random): Promise<ImagePool> {
    const pictures = Array.from({ length: count }, (_, i) => {
      const [width, height] = [24 + 8 * (i % 4), 24 + 8 * (i % 3)];
      const image = sharp(random.bytes(width * height * 3), { raw: { width, height, channels: 3 } });
      return (i % 2 === 0 ? image.png() : image.jpeg({ quality: 90 })).toBuffer();
    });
    return new ImagePool(await Promise.all(pictures));
  }

  get size(): number {
    return this.pictures.length;
  }

  /** Another number each time. */
  nextNumber(): number {
    return this.made++;
  }

  pictureOf(number: number): number {
    return number % this.pictures.length;
  }

  /** The same pixels for all numbers of a picture, and another digest for each: decoders stop at the end of the image. */
  image(number: number): Buffer {
    const counter = Buffer.alloc(COUNTER_BYTES);
    counter.writeDoubleLE(number + 1);
    return Buffer.concat([this.pictures[this.pictureOf(number)]!, counter]);
  }
}
