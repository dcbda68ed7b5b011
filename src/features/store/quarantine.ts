import { asCairnError } from '../../errors.js';
import type { Log } from '../../log.js';
import type { Store } from './store.js';

/** What may be found damaged. */
export const OBJECT_KINDS = ['features', 'image'] as const;
export type ObjectKind = (typeof OBJECT_KINDS)[number];

/** Objects that could not be moved and are remembered, so that each is logged once. */
const MAX_TOLD = 10_000;

/** Takes damaged objects out of a store, logs each once and counts them. */
export class Quarantine {
  private readonly found = new Map<ObjectKind, number>(OBJECT_KINDS.map((kind) => [kind, 0]));
  private readonly told = new Set<string>();

  constructor(
    private readonly store: Pick<Store, 'quarantine'>,
    private readonly log?: Log,
  ) {}

  /** Damaged objects that this process has found, by kind. */
  get counts(): ReadonlyMap<ObjectKind, number> {
    return this.found;
  }

  /** Moves the object that was opened; never throws: a store that cannot be written to keeps it where it is. */
  async take(kind: ObjectKind, key: string, modified: Date, reason: string): Promise<void> {
    const version = `${key} ${modified.getTime()}`;
    let outcome = 'moved to the quarantine';
    try {
      // Another reader has found the damage too, or the object has been made anew meanwhile.
      if (!(await this.store.quarantine(key, modified))) return;
    } catch (error) {
      outcome = `cannot be moved to the quarantine: ${asCairnError(error).message}`;
    }
    if (this.told.has(version)) return;
    if (this.told.size < MAX_TOLD) this.told.add(version);
    this.found.set(kind, this.found.get(kind)! + 1);
    this.log?.warn(`${key} is damaged (${reason}); ${outcome}`);
  }
}
