import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { ask, parse, type Answer } from '../ask.js';
import { Counts } from '../counts.js';
import type { Manner } from '../place/image-server.js';
import type { Audience } from './audience.js';
import { compare } from './callers.js';
import type { Promised } from './ledger.js';
import type { Shift } from './shift.js';
import { readTar } from './tar-reader.js';
import { WISHES } from '../wishes.js';

const AT_ONCE = 4;
const ONE_OUTCOME = 'everything accepted has exactly one outcome';
const EXPLAINED = 'what fails, fails for a reason';
/** What an image may fail by because of its server. */
const BY_MANNER: Partial<Record<Manner, readonly string[]>> = {
  cut: ['url-unreachable'],
  stalled: ['url-unreachable'],
  missing: ['url-rejected'],
  slow: ['url-unreachable'],
};
/** A job that two workers died of alone is given up, and these were killed. */
const GIVEN_UP_AFTER = 2;

export interface Outcome {
  readonly state: string;
  readonly features?: { readonly id: string };
  readonly error?: { readonly code: string; readonly message: string };
}

/** Compares what came of everything that was accepted with what should have come. */
export class Account {
  readonly outcomes = new Counts();
  readonly archives = new Counts();
  private readonly limit = pLimit(AT_ONCE);
  /** Ids of jobs that completed, lines of batches among them. */
  private readonly completed = new Set<string>();

  constructor(private readonly shift: Shift) {}

  /** Reads the outcome of every job and line, and the levels of every set. */
  async take(): Promise<void> {
    const { jobs, batches } = this.shift.ledger;
    await Promise.all([...jobs].map(([id, promised]) => this.limit(() => this.takeJob(id, promised))));
    for (const id of batches.keys()) await this.takeBatch(id);
  }

  /** Compares the announcements with what completed. */
  compareAnnouncements({ heard, delivered, acknowledged }: Audience): void {
    const { promises } = this.shift;
    for (const id of this.completed) {
      promises.check(heard.has(id), 'no announcement is missing', `job ${id} completed and was not announced`);
    }
    const missed = [...delivered.keys()].filter((id) => !acknowledged.has(id));
    promises.check(missed.length === 0, 'a group has everything acknowledged', missed.slice(0, 5).join());
    promises.check(
      delivered.size === heard.size,
      'a group receives what is announced',
      `${delivered.size} of ${heard.size} announcements`,
    );
  }

  /** Looks for files that nobody wants any more. */
  async lookForLeftovers(dataFolder: string): Promise<void> {
    const { promises, ledger } = this.shift;
    for (const folder of ['features', 'images', 'batches']) {
      const names = await readdir(join(dataFolder, folder)).catch(() => []);
      const partial = names.filter((name) => name.startsWith('.'));
      promises.check(partial.length === 0, 'no unfinished file is left', `${folder}: ${partial.join()}`);
      if (folder !== 'images') continue;
      const strange = names.filter((name) => !name.startsWith('.') && !ledger.sent.has(name));
      promises.check(strange.length === 0, 'only images that were sent are kept', strange.slice(0, 5).join());
    }
  }

  private async takeJob(id: string, promised: Promised): Promise<void> {
    const answer = await ask(this.shift.origin, `/v1/jobs/${id}`);
    if (answer?.status !== 200) {
      this.shift.promises.broken(ONE_OUTCOME, `job ${id}: ${answer?.status} ${answer?.code}`);
      return;
    }
    await this.settle(`job ${id}`, id, promised, parse<Outcome>(answer));
  }

  private async takeBatch(id: string): Promise<void> {
    const { origin, promises, ledger } = this.shift;
    const batch = ledger.batches.get(id)!;
    const path = `/v1/batches/${id}`;
    const answer = await ask(origin, `${path}/results`, { headers: { accept: 'application/x-ndjson' } });
    const state = await ask(origin, path);
    if (answer?.status !== 200 || state?.status !== 200) {
      promises.broken(ONE_OUTCOME, `batch ${id}: ${answer?.status} ${answer?.code}`);
      return;
    }
    const results = linesOf(answer);
    const names = results.map(({ name }) => name);
    const once = new Set(names).size === names.length && names.length === batch.lines.size;
    promises.check(
      once,
      ONE_OUTCOME,
      `batch ${id}: ${new Set(names).size} of ${batch.lines.size} lines, ${names.length} results`,
    );
    const { counts, finishedAt } = parse<{ counts: Record<string, number>; finishedAt?: string }>(state);
    const byState = new Counts();
    for (const result of results) byState.add(result.state);
    const agree = ['completed', 'failed', 'cancelled'].every((kind) => counts[kind] === byState.of(kind));
    promises.check(
      agree,
      'the counts of a batch are those of its results',
      `${id}: ${JSON.stringify(counts)}, ${byState.text}`,
    );
    await Promise.all(
      results.map((result) =>
        this.limit(() => {
          const line = batch.lines.get(result.name);
          if (!line) {
            promises.broken(ONE_OUTCOME, `batch ${id} has a line ${result.name} that it was not given`);
            return;
          }
          const promised = { ...line, cancelled: line.cancelled ?? batch.cancelled ?? false };
          return this.settle(`batch ${id} line ${result.line}`, `${id}.${result.line}`, promised, result);
        }),
      ),
    );
    // The tar of a batch that runs has no end.
    if (finishedAt === undefined) return;
    await this.takeTar(
      id,
      results.filter(({ state }) => state === 'completed').map(({ name }) => name),
    );
  }

  /** The tar of a finished batch: every completed line once. */
  private async takeTar(id: string, completed: readonly string[]): Promise<void> {
    const { origin, promises, ledger } = this.shift;
    const seen = new Counts();
    const signal = AbortSignal.timeout(120_000);
    const { lines } = ledger.batches.get(id)!;
    await readTar(
      origin,
      id,
      ({ name, content }) => {
        seen.add(name);
        if (typeof content === 'string') this.archives.add(`${content} in the tar`);
        else compare(this.shift, lines.get(name)!, content, `the tar of batch ${id}, ${name}`);
      },
      signal,
    );
    const wrong = completed.filter((name) => seen.of(name) !== 1);
    const whole = wrong.length === 0 && seen.total === completed.length;
    promises.check(
      whole,
      'the tar of a batch has each set once',
      `${id}: ${seen.total} of ${completed.length}; ${wrong.slice(0, 5).join()}`,
    );
  }

  private async settle(
    what: string,
    id: string,
    promised: Promised,
    { state, features, error }: Outcome,
  ): Promise<void> {
    this.outcomes.add(error && state === 'failed' ? `failed ${error.code}` : state);
    const { promises } = this.shift;
    if (state === 'completed') {
      this.completed.add(id);
      await this.readSet(what, promised, features!.id);
    } else if (state === 'cancelled') {
      promises.check(promised.cancelled === true, EXPLAINED, `${what} is cancelled, and nobody did that`);
    } else if (state === 'failed') {
      const sound = this.isExplained(promised, error!.code);
      promises.check(sound, EXPLAINED, `${what} (${promised.manner ?? 'upload'}): ${error!.code}: ${error!.message}`);
    } else promises.broken(ONE_OUTCOME, `${what} is ${state}`);
  }

  private isExplained({ image, manner }: Promised, code: string): boolean {
    const { ledger } = this.shift;
    if (manner && BY_MANNER[manner]?.includes(code)) return true;
    if (code === 'job-killed-worker') return ledger.workersKilled >= GIVEN_UP_AFTER;
    const damaged = ledger.damagedUploads.has(this.shift.image(image).sha256);
    return damaged && ['upload-corrupt', 'image-missing'].includes(code);
  }

  /** The levels of a set are right, or its archive was damaged and is made anew when it is asked for. */
  private async readSet(what: string, promised: Promised, id: string): Promise<void> {
    const { origin, ledger, promises } = this.shift;
    const answer = await ask(origin, `/v1/features/${id}.safetensors`);
    if (answer?.status === 200) {
      this.archives.add('right');
      compare(this.shift, promised, answer.body, what);
      return;
    }
    const known = ledger.damagedSets.has(id) && (answer?.status === 410 || answer?.status === 404);
    promises.check(
      known,
      'every archive can be read',
      `${what}, set ${id}: ${answer?.status} ${answer?.body.toString()}`,
    );
    const { bytes } = this.shift.image(promised.image);
    const anew = await ask(origin, `/v1/extract?${WISHES[promised.wish]}`, { method: 'POST', body: bytes });
    if (anew?.status === 200) compare(this.shift, promised, anew.body, `${what}, made anew`);
    else promises.broken('a damaged set is made anew', `${what}: ${anew?.status} ${anew?.body.toString()}`);
    this.archives.add('made anew');
  }
}

function linesOf({ body }: Answer): (Outcome & { line: number; name: string })[] {
  const texts = body.toString().split('\n');
  return texts
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text) as Outcome & { line: number; name: string });
}
