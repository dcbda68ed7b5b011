import type { OutputName, Graph } from '../../src/backbone/graph/graph.js';
import { Plan, type Step } from '../../src/backbone/engine/plan.js';
import { randomWeights } from './graphs.js';

/** The plan of a graph for 64 × 64 pixels, of all its outputs or of those that are named. */
export function planned(graph: Graph, outputs = Object.keys(graph.outputs) as OutputName[]) {
  const plan = new Plan(graph, outputs, 64);
  const steps = [...plan.steps(randomWeights(graph))];
  return {
    outputs: plan.outputs,
    names: steps.map(({ name }) => name),
    step: (name: string): Step => steps.find((candidate) => candidate.name === name)!,
  };
}
