const NEWLINE = 10;

export interface TextLine {
  /** Counted from 1, empty lines included. */
  readonly number: number;
  /** Undefined where the line is longer than the limit; what stood there was not kept. */
  readonly text: string | undefined;
}

/** The lines of a stream of UTF-8. However long a line is, no more than `maxBytes` of it are ever held. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<TextLine> {
  let number = 0;
  let parts: Uint8Array[] = [];
  let length = 0;
  const hold = (part: Uint8Array): void => {
    length += part.length;
    if (length > maxBytes) parts = [];
    else parts.push(part);
  };
  const finish = (): TextLine => {
    const text = length > maxBytes ? undefined : Buffer.concat(parts).toString('utf8');
    [parts, length] = [[], 0];
    return { number: ++number, text };
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      hold(chunk.subarray(start, end));
      yield finish();
      start = end + 1;
    }
    if (start < chunk.length) hold(chunk.subarray(start));
  }
  if (length > 0) yield finish();
}
