import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { Quarantine } from '../features/store/quarantine.js';

/** A limit of this process, and how much of what it bounds is in use. */
export interface Budget {
  /** `http_bodies` becomes the metrics `cairn_http_bodies` and `cairn_http_bodies_limit`. */
  readonly name: string;
  /** What is in use, as a sentence. */
  readonly help: string;
  /** The unit's name ends the names of the metrics. */
  readonly unit?: 'bytes';
  readonly limit: number;
  /** What cannot be told now is left out. */
  readonly inUse: () => number | Promise<number>;
  /** How often something was refused because of it; left out where nothing is. */
  readonly refused?: () => number;
}

/** The metrics of one process, whatever runs in it. */
export class ProcessMetrics {
  readonly registry = new Registry();
  private readonly budgets: Budget[] = [];
  private readonly failures: Counter<'code'>;

  constructor(quarantine: Quarantine) {
    collectDefaultMetrics({ register: this.registry });
    const registers = [this.registry];
    const corrupt = new Counter({
      name: 'cairn_corrupt_objects_total',
      help: 'Objects of the store that this process has found damaged.',
      labelNames: ['kind'],
      registers,
      collect: () => {
        corrupt.reset();
        for (const [kind, count] of quarantine.counts) corrupt.inc({ kind }, count);
      },
    });
    const refusals = new Counter({
      name: 'cairn_budget_refusals_total',
      help: 'Requests that were refused because a budget of this process was used up.',
      labelNames: ['budget'],
      registers,
      collect: () => {
        refusals.reset();
        for (const { name, refused } of this.budgets) if (refused) refusals.inc({ budget: name }, refused());
      },
    });
    this.failures = new Counter({
      name: 'cairn_job_failures_total',
      help: 'Jobs that have failed in this process, by the code of their error.',
      labelNames: ['code'],
      registers,
    });
  }

  /** Shows a budget; to be called once for each. */
  add(budget: Budget): void {
    const { name, help, unit, limit, inUse } = budget;
    const metric = (part: string) => ['cairn', name, part, unit].filter(Boolean).join('_');
    const registers = [this.registry];
    new Gauge({ name: metric('limit'), help: `The most of ${metric('')}.`, registers }).set(limit);
    const used: Gauge = new Gauge({
      name: metric(''),
      help,
      registers,
      collect: async () => {
        used.reset();
        used.set(await inUse());
      },
    });
    this.budgets.push(budget);
  }

  jobFailed(code: string): void {
    this.failures.inc({ code });
  }

  /** In Prometheus' text format. */
  text(): Promise<string> {
    return this.registry.metrics();
  }
}
