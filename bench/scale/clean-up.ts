const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Steps that undo what a benchmark started, the last first: at its end, when it fails, and when it is interrupted. */
export class CleanUp {
  private readonly steps: (() => Promise<unknown>)[] = [];
  private running: Promise<void> | undefined;

  constructor() {
    for (const [signal, number] of Object.entries(SIGNALS)) {
      process.once(signal, () => void this.run().finally(() => process.exit(128 + number)));
    }
  }

  add(step: () => Promise<unknown>): void {
    this.steps.push(step);
  }

  /** A step that fails is reported and does not keep the others from running. May be called twice. */
  run(): Promise<void> {
    this.running ??= this.undo();
    return this.running;
  }

  private async undo(): Promise<void> {
    for (let step = this.steps.pop(); step; step = this.steps.pop()) {
      await step().catch((error: unknown) => process.stderr.write(`bench: cleaning up: ${String(error)}\n`));
    }
  }
}
