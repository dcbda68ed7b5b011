import { median } from '../statistics.js';
import { processorTime, type ProcessorTime } from './processor-time.js';
import type { RedisGauge } from './redis-gauge.js';

/** The processes that share the work; `client` is the benchmark itself. */
export const PARTS = ['api', 'worker', 'redis', 'client'] as const;
export type Part = (typeof PARTS)[number];
export type Pids = Readonly<Record<Part, readonly number[]>>;

/** What one part used. */
export interface Use {
  /** Milliseconds of processor time per image, of all threads. */
  readonly ms: number;
  /** Of the first threads alone: Node's event loop, and the thread of Redis that executes commands. */
  readonly mainMs: number;
  /** Cores that were busy on average with all threads, and with the first ones. */
  readonly cores: number;
  readonly mainCores: number;
}

/** A part of a run in which one kind of work is done. */
export interface Phase {
  readonly name: string;
  readonly images: number;
  readonly perSecond: number;
  readonly use: Readonly<Record<Part, Use>>;
  /** Bytes per image that Redis received and sent. */
  readonly redisBytes: { readonly received: number; readonly sent: number };
  /** The parts on each core; undefined where nothing is pinned. */
  readonly onCores: OnCores;
}

export type OnCores = readonly (readonly Part[])[] | undefined;

type Times = Record<Part, ProcessorTime>;

/** Measures `work`, which handles `images` images; it may return the time of its end, where it learns of it later. */
export async function measurePhase(
  name: string,
  images: number,
  { pids, redis, onCores }: { readonly pids: Pids; readonly redis: RedisGauge; readonly onCores: OnCores },
  work: () => Promise<number | undefined>,
): Promise<Phase> {
  const [before, traffic] = [await timesOf(pids), await redis.traffic()];
  const begun = Date.now();
  const ended = (await work()) ?? Date.now();
  const seconds = (ended - begun) / 1000;
  const [after, trafficAfter] = [await timesOf(pids), await redis.traffic()];
  const use = eachPart((part) => {
    const [all, main] = (['all', 'main'] as const).map((kind) => after[part][kind] - before[part][kind]);
    const ms = (value: number) => (1000 * value) / images;
    return { ms: ms(all!), mainMs: ms(main!), cores: all! / seconds, mainCores: main! / seconds };
  });
  const redisBytes = {
    received: (trafficAfter.received - traffic.received) / images,
    sent: (trafficAfter.sent - traffic.sent) / images,
  };
  return { name, images, perSecond: images / seconds, use, redisBytes, onCores };
}

async function timesOf(pids: Pids): Promise<Times> {
  const entries = PARTS.map(async (part): Promise<[Part, ProcessorTime]> => {
    const times = await Promise.all(pids[part].map(processorTime));
    const total = (kind: keyof ProcessorTime) => times.reduce((sum, time) => sum + time[kind], 0);
    return [part, { all: total('all'), main: total('main') }];
  });
  return Object.fromEntries(await Promise.all(entries)) as Times;
}

/** The median of every figure of the same phase in several rounds. */
export function medianPhase(phases: readonly Phase[]): Phase {
  const [{ name, images, onCores }] = phases as [Phase];
  const of = (figure: (phase: Phase) => number) => median(phases.map(figure));
  return {
    name,
    images,
    perSecond: of((phase) => phase.perSecond),
    use: eachPart((part) => ({
      ms: of(({ use }) => use[part].ms),
      mainMs: of(({ use }) => use[part].mainMs),
      cores: of(({ use }) => use[part].cores),
      mainCores: of(({ use }) => use[part].mainCores),
    })),
    redisBytes: {
      received: of(({ redisBytes }) => redisBytes.received),
      sent: of(({ redisBytes }) => redisBytes.sent),
    },
    onCores,
  };
}

function eachPart<T>(value: (part: Part) => T): Record<Part, T> {
  return Object.fromEntries(PARTS.map((part) => [part, value(part)])) as Record<Part, T>;
}

/** A core, or a thread that cannot use more than one, counts as full from here on. */
const FULL = 0.9;
const NAMES: Readonly<Record<Part, string>> = {
  api: 'the API',
  worker: 'the worker',
  redis: 'Redis',
  client: 'this client',
};

/**
 * What keeps a phase from being faster. Where nothing is pinned, only a full first thread is a limit of one process, and
 * all of them may fill the machine.
 */
export function limitOf({ use, onCores }: Phase, machineCores: number): string {
  const percent = (cores: number) => `${Math.round(100 * cores)} % of a core`;
  const load = (part: Part) => (onCores ? use[part].cores : use[part].mainCores);
  const [fullest] = PARTS.toSorted((a, b) => load(b) - load(a)) as [Part];
  if (load(fullest) >= FULL) return `${NAMES[fullest]}: ${percent(load(fullest))}`;
  const used = (parts: readonly Part[]) => parts.reduce((total, part) => total + use[part].cores, 0);
  const full = onCores?.find((parts) => used(parts) >= FULL);
  if (full) return `the core that ${full.map((part) => NAMES[part]).join(' and ')} share`;
  if (!onCores && used(PARTS) >= FULL * machineCores) return `the ${machineCores} cores of this machine together`;
  return `waiting for the disk or for turns; ${NAMES[fullest]}: ${percent(load(fullest))}`;
}
