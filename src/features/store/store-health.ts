import { asCairnError, type CairnError } from '../../errors.js';
import type { Log } from '../../log.js';
import { storeUnavailable } from './store-errors.js';

/** The part of a store that its health is told by. */
export interface ProbedStore {
  /** Remembers which store this is. @throws CairnError where it cannot be told. */
  identify(role: StoreRole): Promise<string>;
  /** @throws CairnError `store-full` or `store-unavailable` unless the store can be read and written to. */
  probe(): Promise<void>;
}

/** An owner makes a folder a store where it is none; a user waits for that. */
export type StoreRole = 'owner' | 'user';

export interface StoreHealthOptions {
  readonly role: StoreRole;
  readonly log: Log;
  /** How old an answer may be. */
  readonly everyMs?: number;
  /** A store that does not answer within this is not available. */
  readonly withinMs?: number;
}

/** Knows whether a store can be worked with now, and logs each change once. */
export class StoreHealth {
  private identity: string | undefined;
  private checked: { readonly at: number; readonly problem: Promise<CairnError | undefined> } | undefined;
  private told: string | undefined;

  constructor(
    private readonly store: ProbedStore,
    private readonly options: StoreHealthOptions,
  ) {}

  /** Undefined until the store has been seen. */
  get storeId(): string | undefined {
    return this.identity;
  }

  /** What is wrong with the store; undefined while it can be used. Callers share one look. */
  problem(): Promise<CairnError | undefined> {
    const { everyMs = 1000 } = this.options;
    const now = performance.now();
    if (!this.checked || now - this.checked.at >= everyMs) this.checked = { at: now, problem: this.look() };
    return this.checked.problem;
  }

  /** @throws CairnError `store-full` or `store-unavailable`. */
  async demand(): Promise<void> {
    const problem = await this.problem();
    if (problem) throw problem;
  }

  /**
   * As `demand`, for work on what the store `id` has; undefined for work of versions that did not say.
   *
   * @throws CairnError also `store-unavailable` where this is another store.
   */
  async demandStore(id: string | undefined): Promise<void> {
    await this.demand();
    const own = this.identity;
    if (id !== undefined && own !== undefined && id !== own) {
      throw storeUnavailable(
        `what is asked for is of the store ${id}, and the store here is ${own} (CAIRN_STORE, CAIRN_DATA_DIR)`,
      );
    }
  }

  private async look(): Promise<CairnError | undefined> {
    const problem = await this.probe();
    const message = problem?.message;
    if (message !== this.told) {
      if (message === undefined) this.options.log.log('the store can be used again');
      else this.options.log.warn(message);
    }
    this.told = message;
    return problem;
  }

  private async probe(): Promise<CairnError | undefined> {
    const { role, withinMs = 5000 } = this.options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(storeUnavailable('it does not answer')), withinMs);
    });
    const work = async () => {
      this.identity ??= await this.store.identify(role);
      await this.store.probe();
    };
    try {
      await Promise.race([work(), late]);
      return undefined;
    } catch (error) {
      return asCairnError(error, 'store-unavailable');
    } finally {
      clearTimeout(timer);
    }
  }
}
