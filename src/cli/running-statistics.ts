/** Running mean and standard deviation (Welford 1962), free of the cancellation of a sum of squares. */
export class RunningStatistics {
  private n = 0;
  private average = 0;
  private squares = 0;

  add(value: number): void {
    this.n++;
    const before = value - this.average;
    this.average += before / this.n;
    this.squares += before * (value - this.average);
  }

  get count(): number {
    return this.n;
  }

  /** NaN before the first value. */
  get mean(): number {
    return this.n === 0 ? NaN : this.average;
  }

  /** Of the population: divided by the count. */
  get deviation(): number {
    return Math.sqrt(this.squares / this.n);
  }
}
