import type { Digest } from '../download/digest.js';

/** A weights file that its authors offer for download. */
export interface PublishedWeights {
  /** `<model>-<training set>`, with what tells it from others of the same; `-notop` for files without the classifier. */
  readonly name: string;
  /** The catalogue entry whose parameters it holds. */
  readonly model: string;
  readonly url: string;
  /** Absent where the published size is uncertain. */
  readonly bytes?: number;
  /** As the publisher states it; absent where the hub states it when it is asked, see `resolveHubFile`. */
  readonly digest?: Digest;
  /** Licence of the file as its publisher states it; the training images have their own terms. */
  readonly licence: string;
  /** A web page about it. */
  readonly source: string;
  /** The input that the network was trained on. */
  readonly preprocessing: string;
  /** Whether it holds the classifier. */
  readonly includesTop: boolean;
}
