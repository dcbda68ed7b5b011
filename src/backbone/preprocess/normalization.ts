/**
 * What a network was trained to see. Belongs to the weights, as in torchvision's `Weights`; it is
 * applied inside the compiled graph, to pixels of 0–255, after padding.
 */
export interface Normalization {
  /** Order in which the network wants the channels; the canvas is always RGB. */
  readonly channelOrder: 'rgb';
  /** Subtracted from each channel, in the network's order, in grey levels of 0–255. */
  readonly mean: readonly [number, number, number];
}
