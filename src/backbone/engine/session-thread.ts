/**
 * Entry of the thread in which sessions live. A run blocks its thread, and so do loading
 * weights and compiling, so all of them happen here, away from the thread that renews the queue's
 * locks and serves HTTP.
 */
import { parentPort } from 'node:worker_threads';
import { asCairnError, CairnError } from '../../errors.js';
import { loadCalibration } from '../calibration/find-calibration.js';
import { findModel, graphFor } from '../catalogue.js';
import type { Level } from '../tensor.js';
import { loadWeights } from '../weights/weights.js';
import type { Session } from './engine.js';
import { createEngine } from './engines.js';
import type { CompiledReply, CompileRequest, Reply, Request, SessionCall } from './thread-protocol.js';

const port = parentPort!;
const sessions = new Map<number, Session>();

async function compile(id: number, request: CompileRequest): Promise<CompiledReply> {
  const {
    model,
    stage5,
    levels: outputs,
    top,
    weights: source,
    calibration: path,
    engine: engineName,
    ...options
  } = request;
  const graph = graphFor(findModel(model), stage5, outputs, top);
  const [engine, weights] = await Promise.all([createEngine(engineName), loadWeights(source, graph)]);
  const calibration = path === undefined ? undefined : await loadCalibration(path, weights.digest);
  const session = await engine.compile(graph, weights, { ...options, outputs, ranges: calibration?.ranges });
  sessions.set(id, session);
  return {
    engine: engine.name,
    device: session.device,
    weights: { source: weights.source, digest: weights.digest },
    calibrationDigest: calibration?.digest,
  };
}

async function handle(request: SessionCall): Promise<{ value: unknown; transfer?: ArrayBuffer[] }> {
  switch (request.type) {
    case 'compile':
      return { value: await compile(request.session, request.options) };
    case 'run': {
      const levels = await sessions.get(request.session)!.run(request.images, request.batch);
      return { value: levels, transfer: [...buffersOf(levels)] };
    }
    case 'dispose':
      await sessions.get(request.session)?.dispose();
      sessions.delete(request.session);
      return { value: undefined };
  }
}

function buffersOf(images: Level[][]): Set<ArrayBuffer> {
  return new Set(images.flat().map((level) => level.tensor.data.buffer));
}

// One request at a time: the device is one, and sessions of different models share it.
let last: Promise<void> = Promise.resolve();
let closing = false;
port.on('message', (request: Request) => {
  // Only in a worker: this ends the thread.
  if (request.type === 'leave') process.exit(0);
  if (request.type === 'close') {
    closing = true;
    // Nothing native is under way then.
    last = last.then(() => process.exit(0));
    return;
  }
  last = last.then(async () => {
    let reply: Reply;
    try {
      if (closing) throw new CairnError('engine-failed', 'The engine has been closed.');
      const { value, transfer } = await handle(request);
      reply = { id: request.id, value };
      port.postMessage(reply, transfer);
    } catch (error) {
      const { code, message } = asCairnError(error, 'engine-failed');
      reply = { id: request.id, error: { code, message } };
      port.postMessage(reply);
    }
  });
});
