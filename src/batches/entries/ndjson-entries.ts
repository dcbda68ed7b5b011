import { z } from 'zod';
import { CairnError } from '../../errors.js';
import type { ImageIntake } from '../../images/intake.js';
import { givenSourceSchema, type GivenSource } from '../../images/image-source.js';
import { clipName, MAX_LINES, MAX_NAME_BYTES, refusal, refuse, type Entry } from './entry.js';
import { splitLines, type RawLine } from '../../formats/split-lines.js';

export const MAX_LINE_BYTES = 64 << 10;

const lineSchema = z.looseObject({
  source: givenSourceSchema,
  name: z
    .string()
    .refine((name) => Buffer.byteLength(name) <= MAX_NAME_BYTES)
    .optional(),
});

/**
 * The lines of a manifest, each a JSON object with a source, options, and optionally a name. Empty lines are numbered,
 * but are not entries.
 *
 * @throws CairnError `batch-too-large` for too many lines: Redis keeps a bit for every line up to the last.
 */
export async function* ndjsonEntries(chunks: AsyncIterable<Uint8Array>, intake: ImageIntake): AsyncGenerator<Entry> {
  for await (const raw of splitLines(chunks, MAX_LINE_BYTES)) {
    if (raw.number > MAX_LINES) throw new CairnError('batch-too-large', `A manifest has at most ${MAX_LINES} lines.`);
    // Skip empty lines before decoding: that is a hundred times cheaper.
    if (raw.bytes?.byteLength === 0) continue;
    const text = raw.bytes && decode(raw.bytes);
    if (text?.trim() === '') continue;
    yield await toEntry(raw, text, intake);
  }
}

/** A manifest of one line, which the framework has parsed already because its content type is JSON. */
export async function jsonEntry(value: unknown, intake: ImageIntake): Promise<Entry> {
  return read(1, value, intake);
}

async function toEntry({ number, bytes }: RawLine, text: string | undefined, intake: ImageIntake): Promise<Entry> {
  if (!bytes) return malformed(number, `is longer than ${MAX_LINE_BYTES} bytes`);
  if (text === undefined) return malformed(number, 'is not UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return malformed(number, `is not JSON: ${(error as Error).message}`);
  }
  return read(number, value, intake);
}

async function read(line: number, value: unknown, intake: ImageIntake): Promise<Entry> {
  const parsed = lineSchema.safeParse(value);
  if (!parsed.success) {
    const form = '{ "source": { "url": "http(s)://…" } or { "sha256": "…" }, "name": "…", options }';
    return malformed(line, `must be ${form}, the name at most ${MAX_NAME_BYTES} bytes`);
  }
  const { source: given, name: called, ...options } = parsed.data;
  const name = called ?? nameOf(given);
  try {
    return { line, name, source: await intake.find(given), options };
  } catch (error) {
    return { line, name, error: refusal(error) };
  }
}

function nameOf(source: GivenSource): string {
  return clipName('url' in source ? source.url : source.sha256);
}

function malformed(line: number, what: string): Entry {
  return refuse({ line, name: '' }, 'request-malformed', `Line ${line} ${what}.`);
}

/** Undefined for bytes that are not UTF-8. */
function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
