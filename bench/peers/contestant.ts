/** A way from image files to stored pyramids. */
export interface Contestant {
  readonly name: string;
  readonly side: 'peer' | 'Cairn';
  /** Scripts and services are compared among themselves. */
  readonly kind: 'script' | 'service';
  /** Element type in which the network computes. */
  readonly precision: 'float32' | 'bfloat16' | 'int8';
  /** Starts its processes; `folder` is empty and its own. */
  start(folder: string): Promise<Running>;
}

/** A contestant that stays alive over all rounds. */
export interface Running {
  /** The folder of its archives, which the benchmark measures and empties after each turn. */
  readonly archives: string;
  /** Its processes, without their children. */
  readonly pids: readonly number[];
  /** Resolves when the archives of all images are written. */
  extract(images: readonly string[]): Promise<void>;
  /** Safe to call again. */
  stop(): Promise<void>;
}
