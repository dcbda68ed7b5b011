import { LARGEST_UINT8, type Range } from '../quantization.js';
import type { Normalization } from '../graph/normalization.js';
import type { Outline, Plan } from './plan.js';

/** Operations whose values have ranges of their own; others move values, or stay in floating point. */
const RANGED: ReadonlySet<Outline['op']> = new Set(['conv2d', 'affine', 'add', 'averagePool', 'relu', 'groupNorm']);

/** Which values of a plan an integer network holds, and where their ranges come from. */
export class QuantizedValues {
  private readonly steps: ReadonlyMap<string, Outline>;
  private readonly readers = new Map<string, Outline[]>();
  private readonly outputs: ReadonlySet<string>;

  constructor(plan: Plan) {
    const outline = plan.outline();
    this.steps = new Map(outline.map((step) => [step.name, step]));
    this.outputs = new Set(plan.outputs.map(({ value }) => value));
    for (const step of outline) {
      for (const input of step.inputs) this.readers.set(input, [...(this.readers.get(input) ?? []), step]);
    }
  }

  /** The values whose ranges are observed. */
  observed(): string[] {
    return [...this.steps.values()]
      .filter(({ name, op }) => RANGED.has(op) && this.reluAfter(name) === undefined)
      .map(({ name }) => name);
  }

  /** The other term of a sum that a ReLU clips, of a value that nothing else reads: far below 0 it need not be exact. */
  clippedWith(value: string): string | undefined {
    const [reader, ...others] = this.readers.get(value) ?? [];
    if (reader?.op !== 'add' || others.length > 0 || this.outputs.has(value)) return undefined;
    return this.reluAfter(reader.name) === undefined ? undefined : reader.inputs.find((input) => input !== value);
  }

  /** The ReLU that alone reads a value: saturation at the integer that stands for 0 does its work. */
  reluAfter(value: string): string | undefined {
    const [reader, ...others] = this.readers.get(value) ?? [];
    return reader?.op === 'relu' && others.length === 0 && !this.outputs.has(value) ? reader.name : undefined;
  }
}

/** The range of a network's input: pixels are 0 … 255. */
export function inputRange({ mean, std }: Normalization): Range {
  const ends = mean.flatMap((m, channel) => [-m / std[channel]!, (LARGEST_UINT8 - m) / std[channel]!]);
  return [Math.min(...ends), Math.max(...ends)];
}
