/** The first bytes of a source, at least `bytes` of them where it has as many, and whether they are all of it. */
export async function takeHead(
  chunks: AsyncIterator<Uint8Array, unknown>,
  bytes: number,
): Promise<{ head: Buffer; whole: boolean }> {
  const parts: Uint8Array[] = [];
  for (let length = 0; length < bytes; length += parts.at(-1)!.byteLength) {
    const next = await chunks.next();
    if (next.done) return { head: Buffer.concat(parts), whole: true };
    // A source may use its buffer again.
    parts.push(Buffer.from(next.value));
  }
  return { head: Buffer.concat(parts), whole: false };
}

/** The whole source, after its head has been read. */
export async function* withHead(head: Buffer, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield head;
    yield* { [Symbol.asyncIterator]: () => rest };
  } finally {
    await rest.return?.();
  }
}
