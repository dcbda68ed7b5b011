import type { PublishedWeights } from './published-weights.js';

const IMAGENET = 'https://docs.pytorch.org/vision/stable/models/resnet.html';
const SHARED = {
  licence: 'BSD-3-Clause',
  preprocessing: 'RGB, x/255, mean 0.485 0.456 0.406, std 0.229 0.224 0.225',
} as const;

/** The end of a file's name is the beginning of its SHA-256. */
function file(model: string, training: string, stem: string, sha256: string) {
  const url = `https://download.pytorch.org/models/${stem}-${sha256}.pth`;
  return { name: `${model}-${training}`, model, url, digest: `sha256:${sha256}` as const, ...SHARED };
}

/** Classifiers: `v1` and `v2` are torchvision's `IMAGENET1K_V1` and `_V2`, the better one first. */
function classifiers(
  architecture: string,
  digests: Readonly<Partial<Record<'v1' | 'v2', string>>>,
): PublishedWeights[] {
  return Object.entries(digests).map(([version, sha256]) => ({
    ...file(`torchvision-${architecture}`, `imagenet-${version}`, architecture, sha256),
    source: IMAGENET,
    includesTop: true,
  }));
}

/** Detectors: the backbone and its pyramid beside the heads. */
function detector(model: string, training: string, stem: string, sha256: string): PublishedWeights {
  const page = stem.replace(/_resnet.*/, '').replace('rcnn', '_rcnn');
  const source = `https://docs.pytorch.org/vision/stable/models/${page}.html`;
  return { ...file(model, training, stem, sha256), source, includesTop: false };
}

/** torchvision's ResNets and the detectors with a pyramid on ResNet-50. */
export const TORCHVISION_WEIGHTS: readonly PublishedWeights[] = [
  ...classifiers('resnet18', { v1: 'f37072fd' }),
  ...classifiers('resnet34', { v1: 'b627a593' }),
  ...classifiers('resnet50', { v2: '11ad3fa6', v1: '0676ba61' }),
  ...classifiers('resnet101', { v2: 'cd907fc2', v1: '63fe2227' }),
  ...classifiers('resnet152', { v2: 'f82ba261', v1: '394f9c45' }),
  detector('torchvision-detection-resnet50', 'coco', 'maskrcnn_resnet50_fpn_coco', 'bf2d0c1e'),
  detector('torchvision-detection-resnet50', 'coco-faster', 'fasterrcnn_resnet50_fpn_coco', '258fb6c6'),
  detector('torchvision-detection-resnet50', 'coco-keypoint', 'keypointrcnn_resnet50_fpn_coco', 'fc266e95'),
  detector('torchvision-detection-v2-resnet50', 'coco', 'maskrcnn_resnet50_fpn_v2_coco', '73cbd019'),
  detector('torchvision-detection-v2-resnet50', 'coco-faster', 'fasterrcnn_resnet50_fpn_v2_coco', 'dd69338a'),
];
