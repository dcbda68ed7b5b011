import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { storeUnavailable } from '../store-errors.js';
import { isConflict, isMissing, isNotImplemented, isRefusedByCondition, s3Error } from './s3-errors.js';
import type { Location } from './s3-object.js';

/** The object that tells a store from an empty bucket, and from other stores; the key below the store's prefix. */
export const MARKER = '.cairn-store';
const markerSchema = z.object({ id: z.uuid() });
/** Where several servers that start at once write it without conditions, the last one's stays; all see that one by then. */
export const SETTLE_MS = 500;

/** The id of a store; undefined where there is none. @throws CairnError `store-unavailable`. */
export async function readS3Marker({ client, Bucket, Key }: Location): Promise<string | undefined> {
  let text: string | undefined;
  try {
    text = await (await client.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw s3Error(error);
  }
  try {
    return markerSchema.parse(JSON.parse(text ?? '')).id;
  } catch (error) {
    throw storeUnavailable(`its marker ${MARKER} is damaged`, error);
  }
}

/** Makes a prefix of a bucket a store where it is none; returns its id. @throws CairnError `store-…`. */
export async function writeS3Marker(location: Location, settleMs = SETTLE_MS): Promise<string> {
  const known = await readS3Marker(location);
  if (known !== undefined) return known;
  const body = JSON.stringify({ id: randomUUID() });
  // Of several that start at once, the first one names the store.
  await putUnlessThere(location, body);
  await sleep(settleMs);
  const id = await readS3Marker(location);
  if (id === undefined) throw storeUnavailable('what was written to it is not there');
  return id;
}

/**
 * Whether a server refuses to write over an object under the condition that there is none: the marker of the store is written
 * again as it is, which changes nothing where the condition is ignored.
 */
export async function knowsConditions(location: Location, id: string): Promise<boolean> {
  return (await putUnlessThere(location, JSON.stringify({ id }))) === 'refused';
}

async function putUnlessThere({ client, Bucket, Key }: Location, Body: string): Promise<'written' | 'refused'> {
  try {
    await client.send(new PutObjectCommand({ Bucket, Key, Body, IfNoneMatch: '*' }));
    return 'written';
  } catch (error) {
    if (isRefusedByCondition(error) || isConflict(error)) return 'refused';
    if (!isNotImplemented(error)) throw s3Error(error);
  }
  try {
    await client.send(new PutObjectCommand({ Bucket, Key, Body }));
    return 'written';
  } catch (error) {
    throw s3Error(error);
  }
}
