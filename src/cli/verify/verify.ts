import { Command } from 'commander';
import { loadConfig } from '../../config/config.js';
import { readEnv } from '../../config/env.js';
import { CairnError } from '../../errors.js';
import { openStore, storeName } from '../../features/store/open-store.js';
import { loadZstd } from '../../formats/zstd.js';
import { megabytes, print } from '../output.js';
import { checkStore, type Finding } from './check-store.js';

interface Flags {
  readonly data?: string;
  readonly repair?: boolean;
  readonly json?: boolean;
}

/** `cairn verify`: reads a whole store and reports what is damaged; the service may run meanwhile. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('read every archive, image and manifest of a store and report what is damaged')
    .option('--data <store>', 'a folder or s3://bucket/prefix (default: CAIRN_STORE, CAIRN_DATA_DIR or .cairn/data)')
    .option(
      '--repair',
      'move what is damaged to quarantine/ in the store, so that it is made anew when asked for again',
    )
    .option('--json', 'print JSON')
    .action(async ({ data, repair = false, json = false }: Flags) => {
      const env = readEnv();
      const settings = loadConfig(data === undefined ? env : { ...env, CAIRN_STORE: data }).store;
      const store = await openStore(settings);
      await store.checkPresent();
      const findings: Finding[] = [];
      for await (const finding of checkStore(store, await loadZstd(), { repair })) {
        findings.push(finding);
        if (!json) console.log(describe(finding));
      }
      if (json) print(findings, { json }, () => '');
      const left = findings.flatMap(({ damaged }) => damaged.filter(({ repaired }) => !repaired)).length;
      if (left > 0) throw new CairnError('archive-corrupt', `${left} objects in ${storeName(settings)} are damaged.`);
    });
}

function describe({ kind, checked, bytes, damaged }: Finding): string {
  const lines = damaged.map(
    ({ key, reason, repaired }) => `  ${key}: ${reason}${repaired ? '; moved to the quarantine' : ''}`,
  );
  return [`${kind}: ${checked} checked (${megabytes(bytes)}), ${damaged.length} damaged`, ...lines].join('\n');
}
