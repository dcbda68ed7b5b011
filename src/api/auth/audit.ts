import { Logger } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Log } from '../../log.js';

/** Refusals that are logged per second; further ones are counted. */
const REFUSALS_PER_SECOND = 20;
const SECOND_MS = 1000;

/** One line for each refusal and for each deletion: who, what, from where. Paths appear as patterns, and keys by name. */
export class Audit {
  private logged = 0;
  private leftOut = 0;
  private second: NodeJS.Timeout | undefined;

  constructor(
    private readonly log: Log = new Logger('audit'),
    private readonly perSecond = REFUSALS_PER_SECOND,
  ) {}

  /** A request that was not let in. A flood of them is one line a second beyond the first few. */
  refused(request: FastifyRequest, status: number, code: string): void {
    this.second ??= setTimeout(() => this.endSecond(), SECOND_MS).unref();
    if (this.logged >= this.perSecond) {
      this.leftOut++;
      return;
    }
    this.logged++;
    this.log.warn(`refused with ${status} ${code}: ${described(request)}`);
  }

  /** Something that a caller deleted or cancelled. */
  changed(request: FastifyRequest, what: string): void {
    this.log.log(`${what}: ${described(request)}`);
  }

  private endSecond(): void {
    if (this.leftOut > 0) this.log.warn(`${this.leftOut} more refusals within a second`);
    [this.logged, this.leftOut, this.second] = [0, 0, undefined];
  }
}

function described({ method, routeOptions, caller, ip, id }: FastifyRequest): string {
  const who = caller ? `key ${caller.name}` : 'no key';
  return `${method} ${routeOptions.url ?? '(no route)'} by ${who} from ${ip}, request ${id}`;
}
