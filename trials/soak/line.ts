/** A straight line through points, by least squares. */
export interface Line {
  readonly slope: number;
  /** Of the slope: its standard error, with the points as independent as their residuals are. */
  readonly noise: number;
  at(x: number): number;
}

/**
 * @param xs ascending
 *
 * Neighbouring samples of a process resemble each other; counted as independent they would make any wave look like a trend.
 * The standard error is that of as many points as have that much information, by the correlation of neighbours (lag 1).
 */
export function fitLine(xs: readonly number[], ys: readonly number[]): Line {
  const count = xs.length;
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(xs), mean(ys)];
  const spread = xs.reduce((sum, x) => sum + (x - meanX) ** 2, 0);
  const slope = xs.reduce((sum, x, i) => sum + (x - meanX) * (ys[i]! - meanY), 0) / spread;
  const at = (x: number) => meanY + slope * (x - meanX);
  const residuals = ys.map((y, i) => y - at(xs[i]!));
  const squares = residuals.reduce((sum, residual) => sum + residual ** 2, 0);
  const pairs = residuals.slice(1).reduce((sum, residual, i) => sum + residual * residuals[i]!, 0);
  const correlation = squares === 0 ? 0 : Math.min(0.95, Math.max(0, pairs / squares));
  const effective = Math.max(3, (count * (1 - correlation)) / (1 + correlation));
  return { slope, noise: Math.sqrt(squares / count / (effective - 2) / (spread / count)), at };
}
