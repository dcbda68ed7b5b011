import type { AxisPlan, Tap } from './axis.js';

/** A level as far as a region needs it: bands of whole rows in C order, by number. */
export interface LevelBands {
  readonly rowsPerBand: number;
  readonly width: number;
  readonly channels: number;
  readonly bands: ReadonlyMap<number, Float32Array>;
}

/** The bands of a level that a plan along y reads. */
export function bandsRead(plan: AxisPlan, rowsPerBand: number): Set<number> {
  const taps = plan.bins.flat().filter((tap) => tap !== undefined);
  return new Set(taps.flatMap(({ low, high }) => [low, high].map((row) => Math.floor(row / rowsPerBand))));
}

/** Writes one region, `[bins of y, bins of x, channels]` in C order, into `out`, which is all zeros. */
export function poolRegion(level: LevelBands, y: AxisPlan, x: AxisPlan, out: Float32Array): void {
  const { channels } = level;
  const count = y.samples * x.samples;
  let at = 0;
  for (const yTaps of y.bins) {
    for (const xTaps of x.bins) {
      const bin = out.subarray(at, at + channels);
      at += channels;
      for (const yTap of yTaps) for (const xTap of xTaps) if (yTap && xTap) addSample(level, yTap, xTap, bin);
      if (count > 1) for (let c = 0; c < channels; c++) bin[c] = bin[c]! / count;
    }
  }
}

function addSample(level: LevelBands, y: Tap, x: Tap, bin: Float32Array): void {
  const [upper, upperRow] = rowOf(level, y.low);
  const [lower, lowerRow] = rowOf(level, y.high);
  const { channels } = level;
  const [left, right] = [x.low * channels, x.high * channels];
  for (let c = 0; c < channels; c++) {
    const top = upper[upperRow + left + c]! * (1 - x.t) + upper[upperRow + right + c]! * x.t;
    const bottom = lower[lowerRow + left + c]! * (1 - x.t) + lower[lowerRow + right + c]! * x.t;
    bin[c] = bin[c]! + top * (1 - y.t) + bottom * y.t;
  }
}

/** The band that holds a row, and where in it the row begins. */
function rowOf({ rowsPerBand, width, channels, bands }: LevelBands, row: number): [Float32Array, number] {
  const band = Math.floor(row / rowsPerBand);
  return [bands.get(band)!, (row - band * rowsPerBand) * width * channels];
}
