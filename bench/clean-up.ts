const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Steps that undo what a program started, the last first: at its end, when it fails, and when it is interrupted. */
export class CleanUp {
  private readonly steps: (() => Promise<unknown>)[] = [];
  private running: Promise<void> | undefined;

  /** `topic` precedes what it reports. */
  constructor(private readonly topic = 'bench') {
    for (const [signal, number] of Object.entries(SIGNALS)) {
      process.once(signal, () => void this.run().finally(() => process.exit(128 + number)));
    }
  }

  add(step: () => Promise<unknown>): void {
    this.steps.push(step);
  }

  /** Undoes what was started within `work` once that has ended. */
  async after<T>(work: () => Promise<T>): Promise<T> {
    const before = this.steps.length;
    try {
      return await work();
    } finally {
      await this.undo(before);
    }
  }

  /** A step that fails is reported and does not keep the others from running. May be called twice. */
  run(): Promise<void> {
    this.running ??= this.undo();
    return this.running;
  }

  private async undo(left = 0): Promise<void> {
    while (this.steps.length > left) {
      await this.steps.pop()!().catch((error: unknown) =>
        process.stderr.write(`${this.topic}: cleaning up: ${String(error)}\n`),
      );
    }
  }
}
