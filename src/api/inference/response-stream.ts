import type { Readable } from 'node:stream';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import type { ArchiveReader } from '../../features/archive-reader.js';
import type { BandShare } from '../../features/band-budget.js';
import { bandPieces, bandStream, inOrder, pieceOf, type Piece } from '../../features/band-stream.js';
import type { LevelDescription } from '../../features/feature-set.js';
import { levelBytes } from '../../features/safetensors.js';
import type { RequestedOutput } from './inference-request.js';

export const DATATYPES = { float32: 'FP32', float16: 'FP16', uint8: 'UINT8' } as const satisfies Record<
  LevelDescription['dtype'],
  string
>;

/** Some milliseconds of work. */
const NUMBERS_AT_ONCE = 1 << 14;

export interface Answer {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string | undefined;
  /** Each is one tensor over all archives, in C order. */
  readonly outputs: readonly RequestedOutput[];
}

export interface AnswerStream {
  readonly stream: Readable;
  /** Bytes of JSON before binary data; undefined where there is no binary data. */
  readonly headerLength: number | undefined;
  /** Bytes of the whole answer; undefined where they are not known in advance. */
  readonly length: number | undefined;
}

/**
 * The answer to an inference request: JSON, then the binary outputs one after the other, from the archives' bands
 * as they are read. The archives hold the same levels in the same shapes. They are closed with the stream, which also
 * leaves `share`; if this throws, the caller does both.
 */
export async function streamAnswer(
  archives: readonly ArchiveReader[],
  answer: Answer,
  share?: BandShare,
): Promise<AnswerStream> {
  const outputs = answer.outputs.map(({ name, binary }) => ({ binary, level: archives[0]!.select([name])[0]! }));
  const json = jsonPieces(archives, answer, outputs);
  const binary = outputs.filter((output) => output.binary);
  if (binary.length === 0) {
    return { stream: bandStream(archives, json, share), headerLength: undefined, length: undefined };
  }
  // The length of numbers as text is known once they are written: an answer with both kinds of outputs reads them twice.
  const headerLength = await lengthOf(json, share);
  const data = binary.flatMap(({ level }) => bandPieces(archives, level));
  const bytes = binary.reduce((total, { level }) => total + levelBytes(level) * archives.length, 0);
  return { stream: bandStream(archives, [...json, ...data], share), headerLength, length: headerLength + bytes };
}

/** The JSON in pieces: text, and numbers that are read when their turn comes. */
function jsonPieces(
  archives: readonly ArchiveReader[],
  { modelName, modelVersion, id }: Answer,
  outputs: readonly { binary: boolean; level: LevelDescription }[],
): Piece[] {
  const head = {
    model_name: modelName,
    model_version: modelVersion,
    ...(id !== undefined && { id }),
    // A parameter is a single value: ids in the order of the images, separated by commas.
    parameters: { features: archives.map(({ description }) => description.id).join(',') },
  };
  const pieces: Piece[] = [text(`${JSON.stringify(head).slice(0, -1)},"outputs":[`)];
  for (const [i, { binary, level }] of outputs.entries()) {
    const { name, shape, dtype } = level;
    const size = levelBytes(level) * archives.length;
    const parameters = { ...(binary && { binary_data_size: size }), ...quantizationOf(archives, name) };
    const tensor = {
      name,
      datatype: DATATYPES[dtype],
      shape: [archives.length, ...shape],
      ...(Object.keys(parameters).length > 0 && { parameters }),
    };
    const begin = `${i === 0 ? '' : ','}${JSON.stringify(tensor)}`;
    if (binary) {
      pieces.push(text(begin));
      continue;
    }
    pieces.push(text(`${begin.slice(0, -1)},"data":[`));
    for (const [band, read] of bandPieces(archives, level).entries()) {
      pieces.push(async () => numbers(await read(), dtype, band === 0 ? '' : ','));
    }
    pieces.push(text(']}'));
  }
  return [...pieces, text(']}')];
}

/** What the integers of a level stand for, one value per archive, separated by commas; nothing where it has floats. */
export function quantizationOf(archives: readonly ArchiveReader[], name: string): Readonly<Record<string, string>> {
  const found = archives.flatMap((archive) => archive.select([name])[0]!.quantization ?? []);
  if (found.length === 0) return {};
  const joined = (key: 'scale' | 'zeroPoint') => found.map((quantization) => quantization[key]).join(',');
  return { scale: joined('scale'), zero_point: joined('zeroPoint') };
}

/**
 * A separator, and integers, or float32 as the shortest decimal numbers that are the same in float64. Other requests have their
 * turns meanwhile: a band has a quarter of a million numbers.
 */
async function numbers(bytes: Uint8Array, dtype: LevelDescription['dtype'], before: string): Promise<Buffer> {
  const { buffer, byteOffset, byteLength } = bytes;
  const values = dtype === 'uint8' ? bytes : new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
  const parts = [Buffer.from(before)];
  for (let start = 0; start < values.length; start += NUMBERS_AT_ONCE) {
    const text = values.subarray(start, start + NUMBERS_AT_ONCE).join(',');
    parts.push(Buffer.from(start === 0 ? text : `,${text}`));
    await yieldToEvents();
  }
  return Buffer.concat(parts);
}

function text(json: string): Piece {
  return pieceOf(Buffer.from(json));
}

async function lengthOf(pieces: readonly Piece[], share?: BandShare): Promise<number> {
  let length = 0;
  for await (const bytes of inOrder(pieces, share)) length += bytes.byteLength;
  return length;
}
