/** What a source gives when it is asked for a file from some offset on. */
export interface Answer {
  /** Offset of the first byte of `chunks`: the one asked for, or 0 where the source starts over. */
  readonly start: number;
  /** Length of the whole file in bytes, where the source tells. */
  readonly total: number | undefined;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Must be called, whether or not `chunks` were read. */
  close(): Promise<void>;
}

export interface Patience {
  /** After this long without a byte, in milliseconds, the network is given up. */
  readonly silenceMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** @throws CairnError `weights-unavailable` when the file is not there; `weights-unreachable` for what can pass. */
export type Source = (offset: number, patience: Patience) => Promise<Answer>;
