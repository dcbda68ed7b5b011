/**
 * Which line of a manifest each submitted line was. Lines that are left out only shift those after them,
 * so what is held is one entry for each gap, not for each line.
 */
export class LineNumbers {
  private readonly from: number[] = [];
  private readonly shift: number[] = [];
  private count = 0;

  /** Lines that were submitted. */
  get length(): number {
    return this.count;
  }

  /** The next line that is submitted; lines come in rising order. */
  push(line: number): void {
    const shift = line - ++this.count;
    if (shift === (this.shift.at(-1) ?? 0)) return;
    this.from.push(this.count);
    this.shift.push(shift);
  }

  /** The line of the manifest that was submitted as line `submitted`, counted from 1. */
  lineOf(submitted: number): number {
    let [low, high] = [0, this.from.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.from[middle]! <= submitted) low = middle + 1;
      else high = middle;
    }
    return submitted + (low === 0 ? 0 : this.shift[low - 1]!);
  }
}
