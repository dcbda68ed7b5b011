import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { PresignOptions } from '../store.js';
import { s3Error } from './s3-errors.js';
import type { Location } from './s3-object.js';

/** A URL by which anybody can read an object for a while, under the name by which `client` knows the server. */
export async function presign(
  client: S3Client,
  { Bucket, Key }: Location,
  { seconds, type, filename }: PresignOptions,
): Promise<string> {
  const command = new GetObjectCommand({
    ...{ Bucket, Key },
    ResponseContentType: type,
    ResponseContentDisposition: `attachment; filename="${filename}"`,
  });
  try {
    return await getSignedUrl(client, command, { expiresIn: seconds });
  } catch (error) {
    throw s3Error(error);
  }
}
