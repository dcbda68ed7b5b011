import { Command } from 'commander';
import { createEngine, ENGINE_NAMES } from '../backbone/engine/engines.js';
import { probeDevice, type ProbeResult } from '../backbone/engine/probe-device.js';
import { asCairnError } from '../errors.js';
import { formatTable, print } from './output.js';

interface Row {
  readonly engine: string;
  readonly device: string;
  /** Everything it needs is installed, as far as the engine can tell. */
  readonly available: boolean;
  /** A network ran on it, and its output was right. */
  readonly proven: boolean;
  /** Largest difference from the CPU, relative to the largest value. */
  readonly error?: number;
  readonly reason?: string;
}

/** `cairn engines`: the engines and devices of this machine, each verified with a test run. */
export function enginesCommand(): Command {
  return new Command('engines')
    .description('list engines and devices, each verified with a test run, and why others cannot be used')
    .option('--json', 'print JSON')
    .action(listEngines);
}

async function listEngines(flags: { json?: boolean }): Promise<void> {
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
  const yes = (value: boolean) => (value ? 'yes' : 'no');
  const cells = rows.map(({ engine, device, available, proven, error, reason }) => {
    // The reference compared with itself says nothing.
    const difference = error ? `differs from the CPU by ${error.toExponential(1)} of the largest value` : '';
    return [engine, device, yes(available), yes(proven), reason ?? difference];
  });
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  print({ engines: rows, versions }, flags, () => {
    return `${formatTable(['engine', 'device', 'available', 'proven', ''], cells)}\n\n${list.join(', ')}`;
  });
}
