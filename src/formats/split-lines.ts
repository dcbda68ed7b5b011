/** A line of text as bytes; `bytes` is undefined if the line is too long. */
export interface RawLine {
  /** From 1. */
  readonly number: number;
  readonly bytes?: Buffer;
}

const NEWLINE = 10;

/** Splits bytes into lines without keeping more than `maxBytes` of one. The newline is not part of a line. */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<RawLine> {
  let number = 0;
  let parts: Uint8Array[] = [];
  let length = 0;
  const keep = (part: Uint8Array) => {
    length += part.byteLength;
    if (length > maxBytes) parts = [];
    else if (part.byteLength > 0) parts.push(part);
  };
  const take = (): RawLine => {
    const line = { number: ++number, ...(length <= maxBytes && { bytes: Buffer.concat(parts) }) };
    parts = [];
    length = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      keep(chunk.subarray(start, end));
      start = end + 1;
      yield take();
    }
    keep(chunk.subarray(start));
  }
  if (length > 0) yield take();
}
