// Computes the digests of all models' weights from seed 0 by the build in dist/, and writes them as the table that the API
// answers from. Needed after a change of a graph or of how seeded weights are drawn; a test finds a table that is out of date.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { graphFor, listModels } from '../dist/src/backbone/catalogue.js';
import { seededVariant } from '../dist/src/backbone/weights/seeded-digest.js';
import { digestWeights } from '../dist/src/backbone/weights/weights.js';

const TABLE = fileURLToPath(new URL('../src/backbone/weights/seeded-digests.ts', import.meta.url));

const lines = [];
for (const model of listModels()) {
  for (const stage5 of [true, false]) {
    for (const pyramid of [false, true]) {
      const graph = graphOf(model, stage5, pyramid);
      if (!graph) continue;
      const digest = await digestWeights('seeded', graph);
      lines.push(`  '${seededVariant(model.name, stage5, pyramid)}': '${digest}',`);
    }
  }
}
const comment = '/** Written by `node scripts/seeded-digests.mjs`. */';
const head = 'export const SEEDED_DIGESTS: Readonly<Record<string, string>> = {';
await writeFile(TABLE, `${comment}\n${head}\n${lines.join('\n')}\n};\n`);
console.log(`${lines.length} digests`);

/** Undefined where there is no pyramid: without stage 5, or where the strides of a model do not allow one. */
function graphOf(model, stage5, pyramid) {
  try {
    return graphFor(model, stage5, pyramid ? ['P2'] : []);
  } catch (error) {
    if (['levels-unsuitable', 'level-absent'].includes(error.code)) return undefined;
    throw error;
  }
}
