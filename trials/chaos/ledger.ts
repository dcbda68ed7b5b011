import type { Manner } from '../place/image-server.js';
import type { Wanted } from '../wishes.js';

/** One image whose features were accepted to be made. */
export interface Promised extends Wanted {
  /** Of the server that has the image; absent where it was uploaded. */
  readonly manner?: Manner;
  /** Whether it was cancelled, or may have been: the answer to that did not arrive. */
  cancelled?: boolean;
}

export interface PromisedBatch {
  /** By the names of the lines. */
  readonly lines: ReadonlyMap<string, Promised>;
  cancelled?: boolean;
}

/** What the service has accepted, and what was done to it: whatever the account at the end compares its outcomes with. */
export class Ledger {
  /** By job id. */
  readonly jobs = new Map<string, Promised>();
  readonly batches = new Map<string, PromisedBatch>();
  /** Digests of all images that were sent, or that a server may have been asked for. */
  readonly sent = new Set<string>();
  /** Ids of the feature sets whose archives got a wrong bit, and digests of such uploads. */
  readonly damagedSets = new Set<string>();
  readonly damagedUploads = new Set<string>();
  /** How many workers were killed: a job that two of them ran alone may be given up. */
  workersKilled = 0;

  get lines(): number {
    let count = 0;
    for (const { lines } of this.batches.values()) count += lines.size;
    return count;
  }
}
