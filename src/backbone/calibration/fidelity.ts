import type { LevelName } from '../graph/graph.js';
import type { LevelError } from './calibration.js';

/** How near a map is to its reference. */
export interface Fidelity {
  /** Of the angle between the maps as vectors; 1 where both are zero. */
  readonly cosine: number;
  /** Power of the reference over that of the difference, in dB; infinite where there is no difference. */
  readonly snrDb: number;
  /** Largest absolute difference, as a share of the reference's largest magnitude. */
  readonly maxAbs: number;
}

/** Compares two maps of the same shape, element by element. */
export function fidelity(reference: Float32Array, map: Float32Array): Fidelity {
  return new Comparison().add(reference, map).result();
}

/** A map compared with its reference piece by piece. */
export class Comparison {
  private dot = 0;
  private power = 0;
  private mapPower = 0;
  private noise = 0;
  private peak = 0;
  private worst = 0;

  /** Adds a piece of either map, element for element. */
  add(reference: Float32Array, map: Float32Array): this {
    let { dot, power, mapPower, noise, peak, worst } = this;
    for (let i = 0; i < reference.length; i++) {
      const [a, b] = [reference[i]!, map[i]!];
      const difference = Math.abs(a - b);
      dot += a * b;
      power += a * a;
      mapPower += b * b;
      noise += difference * difference;
      if (difference > worst) worst = difference;
      if (Math.abs(a) > peak) peak = Math.abs(a);
    }
    return Object.assign(this, { dot, power, mapPower, noise, peak, worst });
  }

  result(): Fidelity {
    const { dot, power, mapPower, noise, peak, worst } = this;
    return {
      cosine: power === 0 && mapPower === 0 ? 1 : dot / Math.sqrt(power * mapPower),
      snrDb: noise === 0 ? Infinity : 10 * Math.log10(power / noise),
      maxAbs: noise === 0 ? 0 : worst / peak,
    };
  }
}

/** The worst comparison of each level, over several images. */
export class WorstOfLevels {
  private readonly worst = new Map<LevelName, Fidelity>();

  add(level: LevelName, { cosine, snrDb, maxAbs }: Fidelity): void {
    const before = this.worst.get(level) ?? { cosine, snrDb, maxAbs };
    this.worst.set(level, {
      cosine: Math.min(cosine, before.cosine),
      snrDb: Math.min(snrDb, before.snrDb),
      maxAbs: Math.max(maxAbs, before.maxAbs),
    });
  }

  /** In the order in which levels were first added. */
  errors(): LevelError[] {
    return [...this.worst].map(([level, { snrDb, ...rest }]) => {
      return { level, ...rest, snrDb: Number.isFinite(snrDb) ? snrDb : null };
    });
  }
}
