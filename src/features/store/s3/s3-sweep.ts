import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import { isMissing, isNotImplemented, s3Error } from './s3-errors.js';
import type { Location } from './s3-object.js';

/** Objects that are deleted at once, each by a request of its own: the one for many is not the same everywhere. */
const AT_ONCE = 8;
/** An upload that was begun so long ago belongs to no writer that lives. */
const UNFINISHED_MS = 24 * 3600_000;

/** The objects directly below a key, a thousand per request. @throws CairnError `store-…`. */
export async function* objectsBelow({
  client,
  Bucket,
  Key,
}: Location): AsyncGenerator<{ key: string; modified: number }> {
  const asked = { Bucket, Prefix: `${Key}/`, Delimiter: '/' };
  try {
    for await (const { Contents = [] } of paginateListObjectsV2({ client }, asked)) {
      for (const { Key: key, LastModified } of Contents) {
        if (key !== undefined) yield { key, modified: LastModified?.getTime() ?? Date.now() };
      }
    }
  } catch (error) {
    throw s3Error(error);
  }
}

/** Deletes the objects directly below a key that are older than that. @throws CairnError `store-…`. */
export async function sweepObjects(location: Location, maxAgeMs: number): Promise<void> {
  const { client, Bucket } = location;
  let old: string[] = [];
  const remove = async () => {
    const some = old;
    old = [];
    await Promise.all(some.map((Key) => client.send(new DeleteObjectCommand({ Bucket, Key }))));
  };
  try {
    for await (const { key, modified } of objectsBelow(location)) {
      if (Date.now() - modified > maxAgeMs && old.push(key) === AT_ONCE) await remove();
    }
    await remove();
  } catch (error) {
    throw s3Error(error);
  }
}

/** Gives up the parts of uploads whose writer is gone; servers that cannot list them have rules of their own. */
export async function sweepUploads({ client, Bucket, Key }: Location): Promise<void> {
  let page: Partial<ListMultipartUploadsCommandOutput> | undefined;
  try {
    do {
      const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page ?? {};
      const asked = { Bucket, Prefix: `${Key}/`, KeyMarker, UploadIdMarker };
      page = await client.send(new ListMultipartUploadsCommand(asked));
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (Date.now() - (Initiated?.getTime() ?? Date.now()) <= UNFINISHED_MS) continue;
        await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch((error: unknown) => {
          if (!isMissing(error)) throw error;
        });
      }
    } while (page.IsTruncated);
  } catch (error) {
    if (!isNotImplemented(error)) throw s3Error(error);
  }
}
