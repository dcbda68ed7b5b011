import type { PublishedWeights } from './published-weights.js';

const ZOO = 'https://dl.fbaipublicfiles.com/detectron2';

/** The end of a file's name is the beginning of its MD5. */
function entry(model: string, training: string, run: string, md5: string): PublishedWeights {
  return {
    name: `${model}-${training}`,
    model,
    url: `${ZOO}/${run}/model_final_${md5}.pkl`,
    digest: `md5:${md5}`,
    licence: 'CC BY-SA 3.0',
    source: 'https://github.com/facebookresearch/detectron2/blob/main/MODEL_ZOO.md',
    preprocessing: 'BGR, mean 103.53 116.28 123.675',
    includesTop: false,
  };
}

/** The detectors of Detectron2's model zoo with a pyramid on ResNet-50 or -101. */
export const DETECTRON2_WEIGHTS: readonly PublishedWeights[] = [
  entry('detectron2-resnet50', 'coco', 'COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x/137849600', 'f10217'),
  entry('detectron2-resnet50', 'coco-faster', 'COCO-Detection/faster_rcnn_R_50_FPN_3x/137849458', '280758'),
  entry('detectron2-resnet50', 'coco-keypoint', 'COCO-Keypoints/keypoint_rcnn_R_50_FPN_3x/137849621', 'a6e10b'),
  entry('detectron2-resnet50', 'lvis', 'LVISv0.5-InstanceSegmentation/mask_rcnn_R_50_FPN_1x/144219072', '571f7c'),
  entry('detectron2-resnet50', 'cityscapes', 'Cityscapes/mask_rcnn_R_50_FPN/142423278', 'af9cf5'),
  entry('detectron2-resnet101', 'coco', 'COCO-InstanceSegmentation/mask_rcnn_R_101_FPN_3x/138205316', 'a3ec72'),
  entry('detectron2-resnet101', 'coco-faster', 'COCO-Detection/faster_rcnn_R_101_FPN_3x/137851257', 'f6e8b1'),
  entry('detectron2-resnet101', 'coco-keypoint', 'COCO-Keypoints/keypoint_rcnn_R_101_FPN_3x/138363331', '997cc7'),
  entry('detectron2-resnet101', 'lvis', 'LVISv0.5-InstanceSegmentation/mask_rcnn_R_101_FPN_1x/144219035', '824ab5'),
  entry('detectron2-bn-resnet50', 'coco', 'Misc/mask_rcnn_R_50_FPN_3x_syncbn/169527823', '3b3c51'),
  entry('detectron2-gn-resnet50', 'coco', 'Misc/mask_rcnn_R_50_FPN_3x_gn/138602888', 'dc5d9e'),
];
