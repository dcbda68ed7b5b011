/** What all requests to one API process may use together, and each of them alone. */
export interface HttpLimits {
  /** Connections at once; further ones are closed. */
  readonly maxConnections: number;
  /** Request bodies that are being received at once. */
  readonly maxBodies: number;
  /** A body in which this long less than `minBodyRate` arrived is cut off. */
  readonly bodyTimeoutMs: number;
  /** Bytes per second. */
  readonly minBodyRate: number;
  /** A client that takes nothing of its answer for this long is disconnected. */
  readonly answerTimeoutMs: number;
  /** Bytes of memory for inference requests that are being read, all together. */
  readonly inferenceBytes: number;
  /** Values in the JSON of one inference request: numbers, texts, lists, objects and keys. */
  readonly maxJsonValues: number;
  /** Answers with levels that are sent at once. */
  readonly maxFeatureStreams: number;
  /** Bands in work that these answers share. */
  readonly featureStreamBands: number;
  /** Bytes of one answer with regions. */
  readonly maxRegionBytes: number;
  /** Names in `Host` that are answered; undefined: all. */
  readonly allowedHosts: readonly string[] | undefined;
  /** Origins of web pages that may read and change what the API has. */
  readonly corsOrigins: readonly string[];
}
