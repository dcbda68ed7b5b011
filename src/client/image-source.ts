import { RequestError } from './request-error.js';
import type { Call, RequestBody } from './connection.js';

/** A source of bytes that can be read once. */
export type ByteStream = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * An image: its bytes (JPEG, PNG, WebP, TIFF or AVIF), a stream of them, or a function that begins such a stream anew for each
 * attempt; or the place where the server finds it. A request whose image is a stream is not repeated when it fails.
 */
export type ImageSource =
  | Blob
  | ArrayBuffer
  | Uint8Array
  | ByteStream
  | (() => ByteStream)
  | { readonly url: string }
  | { readonly sha256: string };

/** The part of a request that carries an image. */
export function imageCall(image: ImageSource): Pick<Call, 'method' | 'body' | 'json' | 'headers' | 'repeatable'> {
  if (isReference(image)) return { method: 'POST', json: { source: image } };
  return bytesCall(image);
}

/** @throws RequestError `image-missing` for an image that is named and not sent. */
export function bytesCall(image: ImageSource): Pick<Call, 'method' | 'body' | 'headers' | 'repeatable'> {
  // A type that says nothing: the server looks at the first bytes.
  const call = { method: 'POST', headers: { 'content-type': 'application/octet-stream' } };
  if (isReference(image)) throw new RequestError('image-missing', 'The bytes of the image are needed here.');
  if (typeof image === 'function') return { ...call, body: () => streamOf(image()) };
  if (isStream(image)) return { ...call, body: () => streamOf(image), repeatable: false };
  return { ...call, body: () => image as RequestBody };
}

/** Whether the image is named and not sent. */
export function isReference(image: ImageSource): image is { readonly url: string } | { readonly sha256: string } {
  return typeof image === 'object' && ('url' in image || 'sha256' in image);
}

function isStream(image: object): image is ByteStream {
  return image instanceof ReadableStream || Symbol.asyncIterator in image;
}

/** A stream of web pages, which browsers send: they do not all have `ReadableStream.from`. */
export function streamOf(source: ByteStream): ReadableStream<Uint8Array> {
  if (source instanceof ReadableStream) return source;
  const chunks = source[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await chunks.next();
      if (next.done) controller.close();
      else controller.enqueue(next.value);
    },
    async cancel() {
      await chunks.return?.();
    },
  });
}
