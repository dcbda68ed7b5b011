import { Command } from 'commander';
import { createEngine, ENGINE_NAMES } from '../backbone/engine/engines.js';
import { probeDevice, type ProbeResult } from '../backbone/engine/probe-device.js';
import { asCairnError } from '../errors.js';
import { formatTable } from './table.js';

interface Row {
  readonly engine: string;
  readonly device: string;
  /** Nothing that it needs is known to be missing. */
  readonly available: boolean;
  /** A network ran on it, and its numbers were right. */
  readonly proven: boolean;
  /** Largest difference from the CPU, over the largest value. */
  readonly error?: number;
  readonly reason?: string;
}

/** `cairn engines`: what this machine can run networks on, tried for real. */
export function enginesCommand(): Command {
  return new Command('engines')
    .description('list engines and devices, each proven by a real run, and why others cannot be used')
    .option('--json', 'print JSON')
    .action(listEngines);
}

async function listEngines({ json }: { json?: boolean }): Promise<void> {
  const rows: Row[] = [];
  const versions: Record<string, string> = { node: process.version };
  for (const name of ENGINE_NAMES) {
    try {
      const engine = await createEngine(name);
      Object.assign(versions, engine.versions());
      for (const { name: device, missing } of engine.devices()) {
        const proof: ProbeResult = missing ? { proven: false, reason: missing } : await probeDevice(name, device);
        rows.push({ engine: name, device, available: !missing, ...proof });
      }
    } catch (error) {
      rows.push({ engine: name, device: '–', available: false, proven: false, reason: asCairnError(error).message });
    }
  }
  if (json) {
    console.log(JSON.stringify({ engines: rows, versions }, null, 2));
    return;
  }
  const yes = (value: boolean) => (value ? 'yes' : 'no');
  const cells = rows.map(({ engine, device, available, proven, error, reason }) => {
    const told = reason ?? `differs from the CPU by ${error!.toExponential(1)} of the largest value`;
    return [engine, device, yes(available), yes(proven), told];
  });
  console.log(formatTable(['engine', 'device', 'available', 'proven', ''], cells));
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  console.log(`\n${list.join(', ')}`);
}
