interface Waiting {
  readonly alone: boolean;
  readonly enter: () => void;
}

/** Lets jobs run beside each other, or one of them alone. They enter in the order in which they came. */
export class Solitude {
  private inside = 0;
  private isAlone = false;
  private readonly waiting: Waiting[] = [];

  /** Resolves when the job may begin, with the function to call when it has ended. */
  async enter(alone: boolean): Promise<() => void> {
    await new Promise<void>((enter) => {
      this.waiting.push({ alone, enter });
      this.admit();
    });
    return () => {
      this.inside--;
      if (alone) this.isAlone = false;
      this.admit();
    };
  }

  private admit(): void {
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      if (this.isAlone || (next.alone && this.inside > 0)) return;
      this.waiting.shift();
      this.inside++;
      this.isAlone = next.alone;
      next.enter();
    }
  }
}
