/** What one task sends to another: items in order, then the end or an error. */
export class Mailbox<T> {
  private readonly items: T[] = [];
  private closed: { readonly error?: unknown } | undefined;
  private wake: () => void = () => undefined;

  send(item: T): void {
    this.items.push(item);
    this.wake();
  }

  /** No item follows. */
  end(): void {
    this.closed ??= {};
    this.wake();
  }

  /** No item follows, and the receiver throws this once it has received the others. */
  fail(error: unknown): void {
    this.closed ??= { error };
    this.wake();
  }

  /** The items, as they come. */
  async *receive(): AsyncGenerator<T, void, undefined> {
    for (;;) {
      while (this.items.length > 0) yield this.items.shift()!;
      if (this.closed) {
        if ('error' in this.closed) throw this.closed.error;
        return;
      }
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}
