import { z } from 'zod';
import {
  BOX_FORMATS,
  COORDINATES,
  DEFAULT_FORMAT,
  ROI_METHODS,
  type RoiMethod,
} from '../../features/roi-align/boxes.js';

export const MAX_BOXES = 10_000;
/** Bins of a region along each axis. */
export const MAX_OUTPUT_SIDE = 64;
/** Samples of a bin along each axis. */
export const MAX_SAMPLING_RATIO = 16;

/** Side of a region by default: that of every project's box head. */
const DEFAULT_OUTPUT_SIDE = 7;
/** As each project configures its heads; 0 takes one sample per cell of a bin. */
const DEFAULT_SAMPLING_RATIO: Readonly<Record<RoiMethod, number>> = { matterport: 1, detectron2: 0, torchvision: 2 };

const SIDES = `a whole number from 1 to ${MAX_OUTPUT_SIDE}, or [height, width] of such`;
const SAMPLES = `a whole number from 0 to ${MAX_SAMPLING_RATIO}`;
const side = z.int(SIDES).min(1, SIDES).max(MAX_OUTPUT_SIDE, SIDES);

export const regionRequestSchema = z
  .strictObject({
    boxes: z
      .array(z.tuple([z.number(), z.number(), z.number(), z.number()], 'a box is four numbers'), 'a list of boxes')
      .max(MAX_BOXES, `at most ${MAX_BOXES} boxes at once`)
      .meta({ description: 'Corners in the order of `format`.' }),
    coordinates: z
      .enum(COORDINATES)
      .default('pixel')
      .meta({ description: 'Pixels of the canvas, or shares of its side.' }),
    format: z
      .enum(BOX_FORMATS)
      .optional()
      .meta({ description: 'Order of the corners. Default: yxyx for matterport, else xyxy.' }),
    method: z
      .enum(ROI_METHODS)
      .default('matterport')
      .meta({ description: 'The project whose RoIAlign is reproduced exactly.' }),
    outputSize: z
      .union([side, z.tuple([side, side])], SIDES)
      .default(DEFAULT_OUTPUT_SIDE)
      .meta({ description: 'Bins of a region: the side, or [height, width].' }),
    samplingRatio: z.int(SAMPLES).min(0, SAMPLES).max(MAX_SAMPLING_RATIO, SAMPLES).optional().meta({
      description:
        'Samples of a bin along each axis; 0 adapts to the box. Default: 0 for detectron2, 2 for torchvision; matterport always takes one.',
    }),
    levels: z
      .array(z.string(), 'a list of names')
      .min(1)
      .optional()
      .meta({ description: 'Levels to pool from. Default: those that detection heads read.', example: 'P2,P3,P4,P5' }),
  })
  .refine(
    ({ method, samplingRatio }) => method !== 'matterport' || samplingRatio === undefined,
    'samplingRatio is for detectron2 and torchvision: matterport takes one sample.',
  )
  .meta({ id: 'RegionRequest', description: 'Boxes, and how their regions are pooled.' });

/** The regions that a client asks for, with what each project configures its heads with; boxes are not converted yet. */
export function completeRegionRequest(request: z.output<typeof regionRequestSchema>) {
  const { method, outputSize, format = DEFAULT_FORMAT[method] } = request;
  const [height, width] = typeof outputSize === 'number' ? [outputSize, outputSize] : outputSize;
  const samplingRatio = request.samplingRatio ?? DEFAULT_SAMPLING_RATIO[method];
  return { ...request, format, outputSize: [height, width] as const, samplingRatio };
}
