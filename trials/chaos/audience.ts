import { setTimeout as delay } from 'node:timers/promises';
import { ask, parse } from '../ask.js';
import type { Promises } from '../promises.js';
import { Follower, type StreamEvent } from './follower.js';

const GROUP = 'detectors';
const CONSUMERS = ['a', 'b'];
const REDELIVER_MS = 5000;
const JSON_TYPE = { 'content-type': 'application/json' };

interface Announced {
  readonly id: string;
  readonly job: { readonly id: string };
}

/** A subscriber that hears every announcement, and a group of consumers that acknowledge each. */
export class Audience {
  /** How often each job was announced to the subscriber. */
  readonly heard = new Map<string, number>();
  /** How often each announcement was delivered to the group, by its id. */
  readonly delivered = new Map<string, number>();
  readonly acknowledged = new Set<string>();
  private readonly events = new Set<string>();
  private readonly followers: Follower[];
  private readonly toAcknowledge = new Set<string>();
  private over = false;
  private acknowledging: Promise<void>;

  constructor(
    private readonly origin: string,
    private readonly promises: Promises,
  ) {
    const group = (consumer: string) =>
      `group=${GROUP}&consumer=${consumer}&prefetch=20&redeliverAfterMs=${REDELIVER_MS}&from=0`;
    this.followers = [
      new Follower(origin, 'after=0', (event) => this.hear(event), true),
      ...CONSUMERS.map((consumer) => new Follower(origin, group(consumer), (event) => this.receive(event), false)),
    ];
    this.acknowledging = this.acknowledge();
  }

  get connections(): number {
    return this.followers.reduce((sum, { connections }) => sum + connections, 0);
  }

  /** Whether all that was announced has been heard by the subscriber, and acknowledged by the group. */
  async isDone(): Promise<boolean> {
    const answer = await ask(this.origin, '/v1/stream/groups');
    if (answer?.status !== 200 || this.toAcknowledge.size > 0) return false;
    const { groups } = parse<{ groups: { name: string; pending: number; lag: number | null }[] }>(answer);
    const group = groups.find(({ name }) => name === GROUP);
    return group?.pending === 0 && group.lag === 0 && this.heard.size >= this.acknowledged.size;
  }

  async stop(): Promise<void> {
    this.over = true;
    await Promise.all([...this.followers.map((follower) => follower.stop()), this.acknowledging]);
  }

  private hear({ event, id, data }: StreamEvent): void {
    if (event === 'gap') this.promises.broken('no announcement is missing', `a gap: ${data}`);
    if (event !== 'features') return;
    const { job } = JSON.parse(data!) as Announced;
    this.promises.check(!this.events.has(id!), 'an announcement reaches a subscriber once', `${id} of job ${job.id}`);
    this.events.add(id!);
    const times = (this.heard.get(job.id) ?? 0) + 1;
    this.heard.set(job.id, times);
    this.promises.check(times === 1, 'a job is announced once', `job ${job.id}, ${times} times`);
  }

  private receive({ event, data }: StreamEvent): void {
    if (event === 'gap' || event === 'lost') this.promises.broken('no announcement is missing', `${event}: ${data}`);
    if (event !== 'features') return;
    const { id } = JSON.parse(data!) as Announced;
    this.delivered.set(id, (this.delivered.get(id) ?? 0) + 1);
    this.toAcknowledge.add(id);
  }

  private async acknowledge(): Promise<void> {
    while (!this.over) {
      await delay(100);
      const ids = [...this.toAcknowledge].slice(0, 500);
      if (ids.length === 0) continue;
      const body = Buffer.from(JSON.stringify({ ids }));
      const answer = await ask(this.origin, `/v1/stream/groups/${GROUP}/ack`, {
        method: 'POST',
        headers: JSON_TYPE,
        body,
        timeoutMs: 10_000,
      });
      if (answer?.status !== 200 && answer?.status !== 201) continue;
      for (const id of ids) {
        this.toAcknowledge.delete(id);
        this.acknowledged.add(id);
      }
    }
  }
}
