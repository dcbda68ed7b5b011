import { ask } from '../ask.js';
import type { ImagePool } from '../images.js';
import { difference, readLevels, type ReadLevels } from '../levels.js';
import { WISHES } from '../wishes.js';

/** What the levels of each picture and each wish are, computed before anything goes wrong. */
export class Reference {
  private constructor(private readonly levels: ReadonlyMap<string, ReadLevels>) {}

  static async compute(origin: string, pool: ImagePool): Promise<Reference> {
    const levels = new Map<string, ReadLevels>();
    for (let i = 0; i < pool.size; i++) {
      const number = pool.nextNumber();
      for (const [wish, query] of WISHES.entries()) {
        const answer = await ask(origin, `/v1/extract?${query}`, { method: 'POST', body: pool.image(number) });
        if (answer?.status !== 200) throw new Error(`the calm run: ${answer?.status} ${answer?.body.toString()}`);
        levels.set(key(pool.pictureOf(number), wish), readLevels(answer.body));
      }
    }
    return new Reference(levels);
  }

  /** How the levels of a file differ from those of the calm run; undefined where they do not. */
  difference(picture: number, wish: number, file: Buffer): string | undefined {
    try {
      return difference(readLevels(file), this.levels.get(key(picture, wish))!);
    } catch (error) {
      return String(error);
    }
  }
}

const key = (picture: number, wish: number) => `${picture}/${wish}`;
