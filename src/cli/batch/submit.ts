import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { addRequestFlags, specFromFlags, type FeatureFlags } from '../feature-flags.js';
import { BatchClient } from './batch-client.js';
import { FeatureFiles } from './feature-files.js';
import { followBatch } from './follow-batch.js';
import { openInput, type Input } from './input.js';
import { interruptible } from './interruption.js';
import { refuseConflicts } from './output-names.js';
import { Patience } from './patience.js';
import { prepareManifest } from './prepare.js';
import { Progress } from './progress.js';
import { Report } from './report.js';
import { addServerFlag, serverOf, type ServerFlags } from './server-flag.js';
import { submitBatch } from './submit-batch.js';

const MAX_CONCURRENCY = 64;
/** How long a server may be away before the batch exists, and after, in milliseconds. */
const PATIENCE_MS = { submitting: 60_000, following: 15 * 60_000 } as const;
const OPTIONS = ['model', 'levels', 'dtype', 'precision', 'size', 'stage5', 'priority'] as const;

interface Flags extends Omit<FeatureFlags, 'weights'>, ServerFlags {
  readonly priority?: string;
  readonly follow?: boolean;
  readonly out?: string;
  readonly new?: boolean;
  readonly concurrency: number;
  readonly recursive?: boolean;
  readonly json?: boolean;
}

/** `cairn batch submit`: many images to a server, and their features back. */
export function submitCommand(): Command {
  return addServerFlag(addRequestFlags(new Command('submit')))
    .description('submit many images to a server; the same command again goes on with the same batch')
    .argument(
      '<input>',
      'a folder of images, a manifest (a JSON object, path or URL a line), or - for a manifest on stdin',
    )
    .addOption(
      new Option('--priority <priority>', 'before or after other jobs (default: low)').choices([
        'high',
        'normal',
        'low',
      ]),
    )
    .option('--follow', 'wait for the end, with a progress bar; the status is 1 if anything failed')
    .option('--out <folder>', 'with --follow: write each feature set to <folder>/<name>.safetensors as it completes')
    .option('--new', 'make a new batch even where the same one is there')
    .option('--concurrency <count>', 'files read and uploaded at once', parseConcurrency, 4)
    .option('--recursive', 'images in folders below the folder too')
    .option('--json', 'one line of JSON per finished line on stdout, then a summary, and nothing else there')
    .action((target: string, flags: Flags, command: Command) => {
      if (flags.out !== undefined && !flags.follow) command.error('error: --out needs --follow');
      return submit(target, flags);
    });
}

async function submit(target: string, flags: Flags): Promise<void> {
  specFromFlags(flags);
  const server = serverOf(flags);
  const progress = new Progress(!flags.json);
  const report = new Report(flags.json ?? false, progress);
  const workspace = await mkdtemp(join(tmpdir(), 'cairn-batch-'));
  let submitted: string | undefined;
  const work = async (signal: AbortSignal): Promise<void> => {
    const patience = (limitMs: number) => {
      return new Patience({ limitMs, signal, onAway: ({ message }) => progress.say(`${message} Trying again.`) });
    };
    const input = await openInput(target, { recursive: flags.recursive ?? false, workspace, signal });
    if (flags.out !== undefined) await refuseConflicts(input);
    const client = new BatchClient(server, signal);
    await client.greet();

    const total = await countLines(input);
    const manifest = join(workspace, 'manifest.ndjson');
    const atFirst = patience(PATIENCE_MS.submitting);
    const { lines, sha256 } = await prepareManifest(input, manifest, {
      client,
      patience: atFirst,
      concurrency: flags.concurrency,
      signal,
      onBadLine: (line) => report.bad(line),
      onReady: (uploaded) => progress.ready(uploaded, total),
    });
    if (lines.length === 0) {
      report.end(undefined);
      return;
    }

    const submission = { manifest, sha256, query: queryOf(flags), isNew: flags.new ?? false };
    const { batch, found } = await submitBatch(client, atFirst, submission);
    submitted = batch.id;
    progress.end();
    progress.say(`batch ${batch.id} ${found ? 'was there already' : 'submitted'}, ${batch.total} images`);
    const lineOf = (line: number) => lines.lineOf(line);
    if (!flags.follow) {
      report.rejected(batch, lineOf);
      report.end(batch);
      return;
    }
    const later = patience(PATIENCE_MS.following);
    const files = flags.out === undefined ? undefined : new FeatureFiles(flags.out, client, batch.id, later);
    const ended = await followBatch(client, batch.id, {
      patience: later,
      files,
      onBatch: (news) => report.batch(news),
      onLine: (line) => report.finished(line, lineOf(line.line)),
    });
    report.end(ended);
  };
  try {
    await interruptible(work, () => {
      progress.end();
      if (submitted === undefined) progress.say('nothing was submitted; the same command goes on with the uploads');
      else progress.say(`the batch goes on; follow it with the same command, or: ${followCommand(submitted, flags)}`);
    });
  } finally {
    progress.end();
    await rm(workspace, { recursive: true, force: true });
  }
}

function followCommand(id: string, { server }: Flags): string {
  return `cairn batch follow ${id}${server === undefined ? '' : ` --server ${server}`}`;
}

function queryOf(flags: Flags): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of OPTIONS) if (flags[name] !== undefined) query.set(name, flags[name]);
  return query;
}

async function countLines(input: Input): Promise<number> {
  let count = 0;
  for await (const line of input()) if (!('error' in line)) count++;
  return count;
}

function parseConcurrency(text: string): number {
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MAX_CONCURRENCY) return count;
  throw new InvalidArgumentError(`It must be a number from 1 to ${MAX_CONCURRENCY}.`);
}
