import { CopyObjectCommand, DeleteObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { asCairnError, CairnError } from '../../../errors.js';
import { fromSource, SourceFailure } from '../source.js';
import { storeUnavailable } from '../store-errors.js';
import type { ProbedStore, StoreRole } from '../store-health.js';
import { quarantineKey, type Chunks, type PresignOptions, type Store, type StoredObject } from '../store.js';
import { makeClient, type S3Settings } from './s3-client.js';
import { isMissing, isRefusedByCondition, s3Error } from './s3-errors.js';
import { knowsConditions, MARKER, readS3Marker, writeS3Marker } from './s3-marker.js';
import { headOf, openObject, SHA256, type Head, type Location } from './s3-object.js';
import { presign } from './s3-presign.js';
import { spool } from './s3-spool.js';
import { objectsBelow, sweepObjects, sweepUploads } from './s3-sweep.js';
import { PART_BYTES, upload, type Uploaded } from './s3-upload.js';

/** Written by health checks; never read. */
const PROBE = '.probe';
/** A store that was written to not longer ago needs no probe. */
const PROBE_EVERY_MS = 30_000;
/** How long what was seen of the marker counts. */
const SEEN_MS = 1000;
/** Objects younger than this are not renewed again: each renewal copies the object. */
const RENEW_AFTER_MS = 60_000;

export interface S3StoreOptions {
  /** By default as `SEEN_MS`. */
  readonly seenMs?: number;
  /** How long a marker that was just written is left alone; see `writeS3Marker`. */
  readonly settleMs?: number;
}

/** Objects below a prefix of a bucket. */
export class S3Store implements Store, ProbedStore {
  private id: string | undefined;
  private seen = -Infinity;
  private written = -Infinity;
  private conditions: Promise<boolean> | undefined;
  private publicClient: S3Client | undefined;

  constructor(
    private readonly settings: S3Settings,
    private readonly client: S3Client = makeClient(settings),
    private readonly options: S3StoreOptions = {},
  ) {}

  async identify(role: StoreRole): Promise<string> {
    const marker = this.location(MARKER);
    const id = role === 'owner' ? await writeS3Marker(marker, this.options.settleMs) : await readS3Marker(marker);
    if (id === undefined) throw storeUnavailable('no server has made its bucket and prefix a store yet');
    return (this.id = id);
  }

  async probe(): Promise<void> {
    this.seen = -Infinity;
    await this.checkPresent();
    if (performance.now() - this.written < PROBE_EVERY_MS) return;
    const { client, Bucket, Key } = this.location(PROBE);
    await this.asking(() => client.send(new PutObjectCommand({ Bucket, Key, Body: 'probe' })));
    this.written = performance.now();
  }

  /** @throws CairnError `store-unavailable` where the store is gone, or is not the one that was identified. */
  async checkPresent(): Promise<void> {
    const { seenMs = SEEN_MS } = this.options;
    if (performance.now() - this.seen < seenMs) return;
    const found = await readS3Marker(this.location(MARKER));
    if (found === undefined) throw storeUnavailable('its bucket or its marker is missing');
    if (this.id !== undefined && found !== this.id) throw storeUnavailable('another store is in its place');
    this.seen = performance.now();
  }

  async open(key: string, signal?: AbortSignal): Promise<StoredObject | undefined> {
    const location = this.location(key);
    const head = await this.head(location, signal);
    return head && openObject(location, head, key, signal);
  }

  async has(key: string): Promise<boolean> {
    return (await this.head(this.location(key))) !== undefined;
  }

  async renew(key: string): Promise<boolean> {
    const location = this.location(key);
    const head = await this.head(location);
    if (!head) return false;
    if (Date.now() - head.renewed.getTime() < RENEW_AFTER_MS) return true;
    try {
      await this.copy(location, location, head);
    } catch (error) {
      // It was deleted, or replaced by a young one, meanwhile.
      if (isMissing(error)) return false;
      if (!isRefusedByCondition(error)) throw s3Error(error);
    }
    return true;
  }

  async put(key: string, chunks: Chunks, signal?: AbortSignal): Promise<{ size: number }> {
    const location = this.location(key);
    const { size } = await this.writing(() => upload(location, chunks, { signal }));
    return { size };
  }

  async add(key: string, chunks: Chunks, signal?: AbortSignal): Promise<{ size: number }> {
    const location = this.location(key);
    const unlessThere = (await this.knowsConditions()) ? 'by-condition' : 'by-looking';
    const { size } = await this.writing(() => upload(location, chunks, { signal, unlessThere }));
    return { size };
  }

  async putByDigest(prefix: string, chunks: Chunks, maxBytes: number, signal?: AbortSignal) {
    this.location(prefix);
    const limited = async function* () {
      let size = 0;
      for await (const chunk of fromSource(chunks, signal)) {
        size += chunk.byteLength;
        if (size > maxBytes)
          throw new CairnError('upload-too-large', `The image exceeds the limit of ${maxBytes} bytes.`);
        yield chunk;
      }
    };
    const held = await spool(limited(), PART_BYTES).catch((error: unknown) => {
      throw asCairnError(error instanceof SourceFailure ? error.cause : error, 'store-failed');
    });
    try {
      const { sha256, size } = held;
      const key = `${prefix}/${sha256}`;
      const location = this.location(key);
      const there = await this.head(location, signal);
      const known = there?.size === size && there.metadata[SHA256] === sha256 && (await this.renew(key));
      const metadata = { [SHA256]: sha256 };
      if (!known) await this.writing(() => upload(location, held.bytes(), { signal, metadata }));
      return { key, sha256, size };
    } finally {
      await held.remove();
    }
  }

  async *list(prefix: string): AsyncGenerator<string> {
    const { Key } = this.location(prefix);
    const root = Key.length - prefix.length;
    for await (const { key } of objectsBelow(this.location(prefix))) yield key.slice(root);
  }

  async delete(key: string): Promise<void> {
    const { client, Bucket, Key } = this.location(key);
    await this.asking(() => client.send(new DeleteObjectCommand({ Bucket, Key })));
  }

  async quarantine(key: string, modified: Date): Promise<boolean> {
    const [location, target] = [this.location(key), this.location(quarantineKey(key))];
    const found = await this.head(location);
    if (found?.modified.getTime() !== modified.getTime()) return false;
    try {
      // The copy is written now: its age is that of the damage.
      await this.copy(location, target, found);
    } catch (error) {
      if (isMissing(error) || isRefusedByCondition(error)) return false;
      throw s3Error(error);
    }
    // Servers without conditions on deletion leave a moment in which an object made anew is deleted with the damaged one.
    if ((await headOf(location))?.etag !== found.etag) return true;
    const { client, Bucket, Key } = location;
    await client.send(new DeleteObjectCommand({ Bucket, Key, IfMatch: found.etag })).catch((error: unknown) => {
      if (!isRefusedByCondition(error)) throw s3Error(error);
    });
    return true;
  }

  async sweep(prefix: string, maxAgeMs: number): Promise<void> {
    const location = this.location(prefix);
    await sweepUploads(location);
    // Where nothing is too old, nothing is listed: that has its price.
    if (maxAgeMs !== Infinity) await sweepObjects(location, maxAgeMs);
  }

  presign(key: string, options: PresignOptions): Promise<string> {
    const { publicEndpoint } = this.settings;
    if (publicEndpoint !== undefined) this.publicClient ??= makeClient({ ...this.settings, endpoint: publicEndpoint });
    return presign(this.publicClient ?? this.client, this.location(key), options);
  }

  /** Where something is not there: whether the store is. */
  private async head(location: Location, signal?: AbortSignal): Promise<Head | undefined> {
    const head = await headOf(location, signal);
    if (!head) await this.checkKnown();
    return head;
  }

  private async checkKnown(): Promise<void> {
    if (this.id !== undefined) await this.checkPresent();
  }

  private async writing(work: () => Promise<Uploaded>): Promise<Uploaded> {
    // A bucket that was emptied is no place for objects: it is not the store that others know.
    await this.checkKnown();
    try {
      const uploaded = await work();
      this.written = performance.now();
      return uploaded;
    } catch (error) {
      // The next look at the store's health writes to it.
      this.written = -Infinity;
      throw error;
    }
  }

  /** Asked once; again where the server could not be asked. */
  private knowsConditions(): Promise<boolean> {
    const ask = async () => {
      const marker = this.location(MARKER);
      const id = this.id ?? (await readS3Marker(marker));
      return id !== undefined && knowsConditions(marker, id);
    };
    return (this.conditions ??= ask().catch((error: unknown) => {
      this.conditions = undefined;
      throw error;
    }));
  }

  /** Copies an object, unless another has taken its place; a copy onto itself makes it young. */
  private async copy(from: Location, to: Location, { etag, metadata }: Head): Promise<void> {
    const { Bucket, Key } = to;
    const CopySource = `${from.Bucket}/${from.Key.split('/').map(encodeURIComponent).join('/')}`;
    // S3 refuses copies onto themselves that change nothing.
    const copy = { Bucket, Key, CopySource, MetadataDirective: 'REPLACE' as const, Metadata: { ...metadata } };
    try {
      await this.client.send(new CopyObjectCommand({ ...copy, CopySourceIfMatch: etag }));
    } catch (error) {
      // Swift compares this tag of an object in parts with another one.
      if (!isRefusedByCondition(error) || (await headOf(from))?.etag !== etag) throw error;
      await this.client.send(new CopyObjectCommand(copy));
    }
  }

  private async asking<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw s3Error(error);
    }
  }

  /** Keys come from our own code; even so, none may leave the prefix. */
  private location(key: string): Location {
    const parts = key.split('/');
    if (parts.some((part) => part === '' || part === '.' || part === '..')) {
      throw new CairnError('store-failed', `The key ${key} leaves the store.`);
    }
    const { bucket, prefix } = this.settings;
    return { client: this.client, Bucket: bucket, Key: prefix === '' ? key : `${prefix}/${key}` };
  }
}
