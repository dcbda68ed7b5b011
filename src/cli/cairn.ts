#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { softwareVersion } from '../config/version.js';
import { batchCommand } from './batch/batch.js';
import { benchCommand } from './bench.js';
import { calibrateCommand } from './calibrate.js';
import { classifyCommand } from './classify.js';
import { compareCommand } from './compare/compare.js';
import { describeCommand } from './describe.js';
import { enginesCommand } from './engines.js';
import { exportCommand } from './export.js';
import { extractCommand } from './extract.js';
import { setDefaultModel } from './flags.js';
import { keysCommand } from './keys.js';
import { modelsCommand } from './models.js';
import { describeError } from './output.js';
import { preprocessCommand } from './preprocess.js';
import { serveCommand, workerCommand } from './serve.js';
import { verifyCommand } from './verify/verify.js';
import { weightsCommand } from './weights.js';

/** Exit status of a usage error, as getopt programs have it. */
const USAGE_STATUS = 2;

const program = new Command('cairn')
  .description('Feature pyramids of Mask R-CNN backbones: images in, compressed C1–C5 tensors out.')
  .version(softwareVersion())
  .addCommand(extractCommand())
  .addCommand(batchCommand())
  .addCommand(classifyCommand())
  .addCommand(preprocessCommand())
  .addCommand(modelsCommand())
  .addCommand(describeCommand())
  .addCommand(weightsCommand())
  .addCommand(calibrateCommand())
  .addCommand(exportCommand())
  .addCommand(compareCommand())
  .addCommand(benchCommand())
  .addCommand(enginesCommand())
  .addCommand(verifyCommand())
  .addCommand(keysCommand())
  .addCommand(serveCommand())
  .addCommand(workerCommand());

program.hook('preAction', (_, command) => setDefaultModel(command));

// Throw instead of exiting with status 1, so that usage errors get a status of their own.
for (const command of program.commands) {
  for (const each of [program, command, ...command.commands]) each.exitOverride();
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : USAGE_STATUS;
  } else {
    console.error(`cairn: ${describeError(error)}`);
    process.exitCode = 1;
  }
}
