#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { asCairnError } from '../errors.js';
import { softwareVersion } from '../config/version.js';
import { batchCommand } from './batch/batch.js';
import { benchCommand } from './bench.js';
import { classifyCommand } from './classify.js';
import { describeCommand } from './describe.js';
import { enginesCommand } from './engines.js';
import { extractCommand } from './extract.js';
import { preprocessCommand } from './preprocess.js';
import { serveCommand, workerCommand } from './serve.js';
import { weightsCommand } from './weights.js';

/** Exit status of a command that was called wrongly, as getopt programs have it. */
const USAGE_STATUS = 2;

const program = new Command('cairn')
  .description('Feature pyramids of Mask R-CNN backbones: images in, compressed C1–C5 tensors out.')
  .version(softwareVersion())
  .addCommand(extractCommand())
  .addCommand(batchCommand())
  .addCommand(classifyCommand())
  .addCommand(preprocessCommand())
  .addCommand(describeCommand())
  .addCommand(weightsCommand())
  .addCommand(benchCommand())
  .addCommand(enginesCommand())
  .addCommand(serveCommand())
  .addCommand(workerCommand());

for (const command of [program, ...program.commands]) command.exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : USAGE_STATUS;
  } else {
    const { code, message } = asCairnError(error);
    console.error(`cairn: ${message} [${code}]`);
    process.exitCode = 1;
  }
}
