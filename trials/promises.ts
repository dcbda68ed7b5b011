const SHOWN_PER_PROMISE = 20;

/** What the suites hold the service to: each breach is printed as it is found, and the exit status is 1. */
export class Promises {
  private readonly breaches = new Map<string, number>();

  constructor(private readonly print: (line: string) => void) {}

  /** `promise` is the sentence that does not hold; `detail` is how to see that. */
  broken(promise: string, detail: string): void {
    const count = (this.breaches.get(promise) ?? 0) + 1;
    this.breaches.set(promise, count);
    if (count <= SHOWN_PER_PROMISE) this.print(`BROKEN  ${promise}: ${detail}`);
    else if (count === SHOWN_PER_PROMISE + 1) this.print(`BROKEN  ${promise}: further ones are only counted`);
  }

  /** Notes a breach unless `holds`. */
  check(holds: boolean, promise: string, detail: string): void {
    if (!holds) this.broken(promise, detail);
  }

  get kept(): boolean {
    return this.breaches.size === 0;
  }

  summary(): string {
    if (this.kept) return 'Every promise was kept.';
    const lines = [...this.breaches].map(([promise, count]) => `  ${count} × ${promise}`);
    return ['Broken promises:', ...lines].join('\n');
  }
}
