/**
 * Feature pyramids of Mask R-CNN backbones in this process: networks as plain data, and what runs them.
 *
 * @packageDocumentation
 */
export { Backbone, type BackboneOptions, type Provenance, type SessionRequest } from '../backbone/backbone.js';
export { findModel, graphFor, listModels, type Model } from '../backbone/catalogue.js';
export { fpnGraph, type FpnOptions } from '../backbone/graph/fpn-graph.js';
export type { Graph, GraphNode, LevelName } from '../backbone/graph/graph.js';
export { resnetGraph, type ResnetOptions, type TopOptions } from '../backbone/graph/resnet-graph.js';
export { preprocess, type Canvas } from '../backbone/preprocess/preprocess.js';
export type { Level, Tensor } from '../backbone/tensor.js';
export { CairnError, type ErrorCode } from '../errors.js';
export { parseSpec, withBackboneLevels, type FeatureSpec, type RequestedSpec } from '../spec/feature-spec.js';
