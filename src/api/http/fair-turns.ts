import type { FastifyInstance, FastifyReply } from 'fastify';
import { CairnError } from '../../errors.js';

export interface FairTurnsOptions {
  /** Requests of one caller that are begun at once while there are others. */
  readonly beside: number;
  /** While there are none. */
  readonly alone: number;
  /** A request counts as begun for this long at most: then it waits for its body, its job or its client. */
  readonly turnMs: number;
  /** A caller is there for this long after its last request. */
  readonly thereMs: number;
  /** Requests of one caller that may wait for their turn. */
  readonly maxWaiting: number;
}

export const DEFAULT_FAIR_TURNS: FairTurnsOptions = {
  beside: 2,
  alone: 64,
  turnMs: 250,
  thereMs: 2000,
  maxWaiting: 1024,
};

interface Caller {
  /** Requests whose turn it is. */
  begun: number;
  lastSeen: number;
  /** Requests that were begun lately: each counts for half as much every second. */
  used: number;
  usedAt: number;
  readonly waiting: (() => void)[];
}

const HALF_LIFE_MS = 1000;

/**
 * Lets callers take turns. The requests of all share one thread and the disk, so those of a caller that sends a thousand at once
 * wait for each other, not the others for them: while there are others it gets few turns, and none while one of a caller with
 * less to do is under way.
 */
export class FairTurns {
  private readonly callers = new Map<string, Caller>();

  constructor(private readonly options: FairTurnsOptions = DEFAULT_FAIR_TURNS) {}

  /**
   * Resolves when a request of a caller may begin, with the function that ends its turn, which may be called twice.
   *
   * @throws CairnError `busy` when too many of the caller's requests wait.
   */
  async enter(name: string): Promise<() => void> {
    const caller = this.callers.get(name) ?? { begun: 0, lastSeen: 0, used: 0, usedAt: 0, waiting: [] };
    this.callers.set(name, caller);
    caller.lastSeen = performance.now();
    const { maxWaiting, turnMs } = this.options;
    if (caller.waiting.length >= maxWaiting) {
      throw new CairnError('busy', `${maxWaiting} of your requests wait for their turn; try again shortly.`);
    }
    await new Promise<void>((begin) => {
      caller.waiting.push(begin);
      this.admit(caller);
    });
    let timer: NodeJS.Timeout | undefined;
    const leave = () => {
      if (timer === undefined) return;
      clearTimeout(timer);
      timer = undefined;
      caller.begun--;
      for (const waiting of this.callers.values()) this.admit(waiting);
    };
    timer = setTimeout(leave, turnMs);
    return leave;
  }

  private admit(caller: Caller): void {
    const { beside, alone } = this.options;
    while (caller.waiting.length > 0) {
      const others = this.others(caller);
      if (caller.begun >= (others.length > 0 ? beside : alone)) return;
      const now = performance.now();
      const used = usedBy(caller, now);
      if (others.some((other) => other.begun > 0 && usedBy(other, now) < used / 2)) return;
      caller.begun++;
      [caller.used, caller.usedAt] = [used + 1, now];
      caller.waiting.shift()!();
    }
  }

  /** The other callers that are there; forgets those that are gone. */
  private others(self: Caller): Caller[] {
    const since = performance.now() - this.options.thereMs;
    const others: Caller[] = [];
    for (const [name, caller] of this.callers) {
      if (caller === self) continue;
      const gone = caller.begun === 0 && caller.waiting.length === 0 && caller.lastSeen < since;
      if (gone) this.callers.delete(name);
      else others.push(caller);
    }
    return others;
  }
}

function usedBy({ used, usedAt }: Caller, now: number): number {
  return used * 2 ** ((usedAt - now) / HALF_LIFE_MS);
}

/**
 * Has requests with a body wait for their turn before it is read. Callers are told apart by their keys, or by their addresses
 * where the server asks for no keys.
 */
export function takeTurns(
  server: FastifyInstance,
  turns: FairTurns,
  answer: (error: CairnError, reply: FastifyReply) => void,
): void {
  server.addHook('onRequest', (request, reply, done) => {
    if (request.method !== 'POST') {
      done();
      return;
    }
    turns.enter(request.caller?.name ?? request.ip).then(
      (leave) => {
        reply.raw.once('close', leave).once('finish', leave);
        done();
      },
      (error: unknown) => answer(error as CairnError, reply),
    );
  });
}
