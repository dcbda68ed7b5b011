import { RequestError } from './request-error.js';

/** Lines of text, without their ends. @throws RequestError `server-failed` for one that is too long. */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  maxChars: number,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split('\n');
    text = lines.pop()!;
    yield* lines;
    if (text.length > maxChars) throw new RequestError('server-failed', 'A line of the server is too long.');
  }
  if (text !== '') yield text;
}
