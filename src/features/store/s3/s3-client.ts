import { S3Client } from '@aws-sdk/client-s3';

/** Where a store in S3 is; credentials come from the SDK's own chain. */
export interface S3Settings {
  readonly bucket: string;
  /** Of all keys, without a slash at its end; empty: the store is the whole bucket. */
  readonly prefix: string;
  /** That of AWS by default. */
  readonly endpoint?: string;
  readonly region?: string;
  /** Buckets in the path, not in the name of the host. */
  readonly pathStyle: boolean;
  /** The name by which clients see the endpoint, in presigned URLs. */
  readonly publicEndpoint?: string;
}

/** Tries of a request that fails by the network, by 5xx or by throttling; the SDK waits longer before each. */
const MAX_ATTEMPTS = 4;
const CONNECT_TIMEOUT_MS = 3000;
/** A connection on which nothing comes or goes for this long is given up. */
const SILENCE_MS = 20_000;
/** Bodies that clients read slowly hold one each. */
const MAX_SOCKETS = 1024;
/** What servers other than AWS mostly ignore. */
const SOME_REGION = 'us-east-1';

export function makeClient({ endpoint, region, pathStyle }: S3Settings): S3Client {
  const sockets = { maxSockets: MAX_SOCKETS, keepAlive: true };
  return new S3Client({
    ...(region !== undefined ? { region } : endpoint !== undefined && { region: SOME_REGION }),
    // Servers of others know no checksums in trailers; the signature covers what is sent.
    ...(endpoint !== undefined && {
      endpoint,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    }),
    forcePathStyle: pathStyle,
    followRegionRedirects: endpoint === undefined,
    maxAttempts: MAX_ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SILENCE_MS,
      httpAgent: sockets,
      httpsAgent: sockets,
    },
  });
}
