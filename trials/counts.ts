/** How often each kind of thing happened. */
export class Counts {
  private readonly counts = new Map<string, number>();

  add(kind: string, times = 1): void {
    this.counts.set(kind, this.of(kind) + times);
  }

  of(kind: string): number {
    return this.counts.get(kind) ?? 0;
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** The most frequent first. */
  entries(): [string, number][] {
    return [...this.counts].sort(([, a], [, b]) => b - a);
  }

  /** All of them in one line. */
  get text(): string {
    return this.entries()
      .map(([kind, count]) => `${kind} ${count}`)
      .join(', ');
  }
}
