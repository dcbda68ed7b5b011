import type { Readable } from 'node:stream';
import type { ArchiveReader } from '../../features/archive-reader.js';
import { bandPieces, bandStream, inOrder, pieceOf, type Piece } from '../../features/band-stream.js';
import type { LevelDescription } from '../../features/feature-set.js';
import { levelBytes } from '../../features/safetensors.js';
import type { RequestedOutput } from './inference-request.js';

const DATATYPES = { float32: 'FP32', float16: 'FP16' } as const satisfies Record<LevelDescription['dtype'], string>;

export interface Answer {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string | undefined;
  /** Each is `[N, height, width, channels]` of all archives, in C order. */
  readonly outputs: readonly RequestedOutput[];
}

export interface AnswerStream {
  readonly stream: Readable;
  /** Bytes of JSON before binary data; undefined where there is no binary data. */
  readonly headerLength: number | undefined;
  /** Of all of it; undefined where it is not known before it is made. */
  readonly length: number | undefined;
}

/**
 * The answer to an inference request: JSON, then the binary outputs one after the other, made of the archives' bands
 * as they are read. The archives hold the same levels in the same shapes. Ending or destroying the stream closes
 * them; until there is one, the caller does.
 */
export async function streamAnswer(archives: readonly ArchiveReader[], answer: Answer): Promise<AnswerStream> {
  const outputs = answer.outputs.map(({ name, binary }) => ({ binary, level: archives[0]!.select([name])[0]! }));
  const json = jsonPieces(archives, answer, outputs);
  const binary = outputs.filter((output) => output.binary);
  if (binary.length === 0) return { stream: bandStream(archives, json), headerLength: undefined, length: undefined };
  // Numbers as text have no length before they are written: outputs of both kinds cost a second reading.
  const headerLength = await lengthOf(json);
  const data = binary.flatMap(({ level }) => bandPieces(archives, level));
  const bytes = binary.reduce((total, { level }) => total + levelBytes(level) * archives.length, 0);
  return { stream: bandStream(archives, [...json, ...data]), headerLength, length: headerLength + bytes };
}

/** The JSON, cut where numbers are put in. */
function jsonPieces(
  archives: readonly ArchiveReader[],
  { modelName, modelVersion, id }: Answer,
  outputs: readonly { binary: boolean; level: LevelDescription }[],
): Piece[] {
  const head = {
    model_name: modelName,
    model_version: modelVersion,
    ...(id !== undefined && { id }),
    // A parameter is one value: ids, in the order of the images, stand between commas.
    parameters: { features: archives.map(({ description }) => description.id).join(',') },
  };
  const pieces: Piece[] = [text(`${JSON.stringify(head).slice(0, -1)},"outputs":[`)];
  for (const [i, { binary, level }] of outputs.entries()) {
    const { name, shape, dtype } = level;
    const size = levelBytes(level) * archives.length;
    const tensor = {
      name,
      datatype: DATATYPES[dtype],
      shape: [archives.length, ...shape],
      ...(binary && { parameters: { binary_data_size: size } }),
    };
    const begin = `${i === 0 ? '' : ','}${JSON.stringify(tensor)}`;
    if (binary) {
      pieces.push(text(begin));
      continue;
    }
    pieces.push(text(`${begin.slice(0, -1)},"data":[`));
    for (const [band, read] of bandPieces(archives, level).entries()) {
      pieces.push(async () => Buffer.from(`${band === 0 ? '' : ','}${numbers(await read())}`));
    }
    pieces.push(text(']}'));
  }
  return [...pieces, text(']}')];
}

/** float32 as the shortest decimal numbers that are the same in float64. */
function numbers({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength)).join(',');
}

function text(json: string): Piece {
  return pieceOf(Buffer.from(json));
}

async function lengthOf(pieces: readonly Piece[]): Promise<number> {
  let length = 0;
  for await (const bytes of inOrder(pieces)) length += bytes.byteLength;
  return length;
}
