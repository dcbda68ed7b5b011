import fc, { type Arbitrary } from 'fast-check';
import { Counts } from '../counts.js';
import type { Promises } from '../promises.js';
import { curl } from './curl.js';
import type { Breach, Judge } from './judge.js';
import type { Known } from './known.js';
import type { FuzzRequest } from './requests.js';
import { Sender, type Outcome } from './send.js';

const PATIENCE_MS = 30_000;
/** Calls that wait for a worker: the client leaves, which cancels the job. */
const WAITING = /extract|infer/;
const WAITING_PATIENCE_MS = 3000;
/** Breaches of one kind that are made smaller; the others are as they were drawn. */
const SHRUNK_PER_KIND = 1;
const SHRINK_MS = 20_000;
/** A multiplier that spreads neighbouring numbers (Knuth). */
const SPREAD = 2_654_435_761;

/** Sends request after request, and notes what should not have come back. Each is a function of the seed and its number. */
export class Fuzzer {
  readonly statuses = new Counts();
  readonly operations = new Counts();
  private readonly shrunk = new Counts();
  private readonly sender: Sender;

  constructor(
    private readonly origin: string,
    private readonly seed: number,
    private readonly requests: Arbitrary<FuzzRequest>,
    private readonly known: Known,
    private readonly judge: Judge,
    private readonly promises: Promises,
  ) {
    this.sender = new Sender(origin, known);
  }

  async send(number: number): Promise<Outcome> {
    const seed = (this.seed + Math.imul(number, SPREAD)) | 0;
    const [drawn] = fc.sample(this.requests, { seed, numRuns: 1 }) as [FuzzRequest];
    const outcome = await this.ask(drawn);
    this.operations.add(drawn.operation);
    this.statuses.add('none' in outcome ? outcome.none : String(outcome.status));
    const breach = this.judge.breach(drawn, outcome);
    if (breach) await this.report(number, seed, drawn, breach);
    return outcome;
  }

  show(number: number): string {
    const seed = (this.seed + Math.imul(number, SPREAD)) | 0;
    const [drawn] = fc.sample(this.requests, { seed, numRuns: 1 }) as [FuzzRequest];
    return curl(this.origin, drawn, this.known);
  }

  private ask(drawn: FuzzRequest): Promise<Outcome> {
    if (!WAITING.test(drawn.operation)) return this.sender.send(drawn, PATIENCE_MS);
    return this.sender
      .send(drawn, WAITING_PATIENCE_MS)
      .then((outcome) => ('none' in outcome && outcome.none === 'late' ? { none: 'left' } : outcome));
  }

  private async report(number: number, seed: number, drawn: FuzzRequest, { promise, detail }: Breach): Promise<void> {
    const kind = `${promise}, ${drawn.operation}`;
    let smallest = drawn;
    this.shrunk.add(kind);
    if (this.shrunk.of(kind) <= SHRUNK_PER_KIND) smallest = (await this.shrink(seed, promise)) ?? drawn;
    const how = `request ${number}, ${drawn.operation}: ${detail}`;
    this.promises.broken(promise, `${how}\n    ${curl(this.origin, smallest, this.known)}`);
  }

  /** A smaller request that breaks the same promise; undefined where the breach does not repeat. */
  private async shrink(seed: number, promise: string): Promise<FuzzRequest | undefined> {
    const property = fc.asyncProperty(this.requests, async (drawn) => {
      return this.judge.breach(drawn, await this.ask(drawn))?.promise !== promise;
    });
    const { counterexample } = await fc.check(property, { seed, numRuns: 1, interruptAfterTimeLimit: SHRINK_MS });
    return counterexample?.[0];
  }
}
