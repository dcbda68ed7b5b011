import { Command, InvalidArgumentError, Option } from 'commander';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requestedSpecSchema } from '../../spec/feature-spec.js';
import { addRequestFlags, addServerFlag, serverOf, specFromFlags } from '../flags.js';
import type { FeatureFlags, ServerFlags } from '../flags.js';
import { cairnAt } from './cairn-at.js';
import { FeatureFiles } from './feature-files.js';
import { FOLLOW_OUTAGE_MS, followBatch } from './follow.js';
import { openInput, type Input } from './input.js';
import { refuseConflicts } from './output-names.js';
import { prepareManifest } from './prepare.js';
import { withReport, type Report } from './report.js';
import { submitBatch } from './submit-batch.js';

const MAX_CONCURRENCY = 64;
/** Longest outage of the server before the batch exists, in milliseconds. */
const SUBMIT_OUTAGE_MS = 60_000;

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
    .description('submit many images to a server and print the id of the batch; run the same command again to resume')
    .argument(
      '<input>',
      'a folder of images, a manifest (one JSON object, path or URL per line), or - for a manifest on stdin',
    )
    .addOption(
      new Option('--priority <priority>', 'relative to other jobs (default: low)').choices(['high', 'normal', 'low']),
    )
    .option('--follow', 'wait for the end, with a progress bar; the status is 1 if anything failed')
    .option('--out <folder>', 'with --follow: write each feature set to <folder>/<name>.safetensors as it completes')
    .option('--new', 'create a new batch even if the same one exists')
    .option('--concurrency <count>', 'files to read and upload at once', parseConcurrency, 4)
    .option('--recursive', 'include images in subfolders')
    .option('--json', 'print one line of JSON per finished line and a summary on stdout, and nothing else there')
    .action((target: string, flags: Flags, command: Command) => {
      if (flags.out !== undefined && !flags.follow) command.error('error: --out needs --follow');
      return submit(target, flags);
    });
}

async function submit(target: string, flags: Flags): Promise<void> {
  specFromFlags(flags);
  serverOf(flags);
  const { json = false, recursive = false, concurrency, out } = flags;
  const workspace = await mkdtemp(join(tmpdir(), 'cairn-batch-'));
  let submitted: string | undefined;
  const work = async (report: Report, signal: AbortSignal): Promise<void> => {
    const input = await openInput(target, { recursive, workspace, signal });
    if (out !== undefined) await refuseConflicts(input);
    // A server that does not answer the first request is more likely misspelt than down.
    await cairnAt(flags, { signal, retry: { limitMs: 0 } }).ping();
    const { outage: onOutage } = report;
    const client = cairnAt(flags, { signal, retry: { limitMs: SUBMIT_OUTAGE_MS, onOutage } });

    const total = await countLines(input);
    const manifest = join(workspace, 'manifest.ndjson');
    const { count, sha256 } = await prepareManifest(input, manifest, {
      client,
      concurrency,
      signal,
      onBadLine: (line) => report.bad(line),
      onReady: (uploaded) => report.ready(uploaded, total),
    });
    if (count === 0) {
      report.end(undefined);
      return;
    }

    const submission = { manifest, sha256, query: queryOf(flags), isNew: flags.new ?? false };
    const { batch, found } = await submitBatch(client, submission);
    submitted = batch.id;
    report.submitted(batch, found);
    if (!flags.follow) {
      report.rejected(batch);
      report.end(batch);
      return;
    }
    const follower = cairnAt(flags, { signal, retry: { limitMs: FOLLOW_OUTAGE_MS, onOutage } });
    const files = out === undefined ? undefined : new FeatureFiles(out, follower, batch.id);
    report.end(await followBatch(follower, batch.id, { files, report }), out);
  };
  try {
    await withReport(json, work, () => {
      if (submitted === undefined) return 'nothing was submitted; the same command resumes the uploads';
      return `the batch continues; follow it with the same command, or: ${followCommand(submitted, flags)}`;
    });
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
}

function followCommand(id: string, { server }: Flags): string {
  return `cairn batch follow ${id}${server === undefined ? '' : ` --server ${server}`}`;
}

function queryOf(flags: Flags): URLSearchParams {
  const query = new URLSearchParams();
  const given: Readonly<Record<string, unknown>> = { ...flags };
  for (const name of [...Object.keys(requestedSpecSchema.shape), 'priority']) {
    if (typeof given[name] === 'string') query.set(name, given[name]);
  }
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
