import type { PublishedWeights } from './published-weights.js';

type Series = Pick<PublishedWeights, 'licence' | 'source' | 'preprocessing'> & { family: string; folder: string };
/** The sizes (where they are certain) and MD5 digests of both files of one Keras network. */
type Files = readonly [name: string, bytes: number | undefined, md5: string, bareBytes: number, bareMd5: string];

/** Both files of each Keras network: the whole one, and the one without its classifier. */
function keras({ family, folder, ...shared }: Series, networks: readonly Files[]): PublishedWeights[] {
  return networks.flatMap(([architecture, bytes, md5, bareBytes, bareMd5]) => {
    const model = `${family}-${architecture}`;
    const url = `${folder}/${architecture}_weights_tf_dim_ordering_tf_kernels`;
    const whole = { url: `${url}.h5`, ...(bytes !== undefined && { bytes }), digest: `md5:${md5}` as const };
    const bare = { url: `${url}_notop.h5`, bytes: bareBytes, digest: `md5:${bareMd5}` as const };
    return [
      { name: `${model}-imagenet`, model, ...whole, ...shared, includesTop: true },
      { name: `${model}-imagenet-notop`, model, ...bare, ...shared, includesTop: false },
    ];
  });
}

const V1: Series = {
  family: 'keras',
  folder: 'https://storage.googleapis.com/tensorflow/keras-applications/resnet',
  licence: 'MIT',
  source: 'https://keras.io/api/applications/resnet/',
  preprocessing: 'BGR, mean 103.939 116.779 123.68',
};
/** Keras ported these from Facebook's Torch models and states their licence. */
const V2: Series = { ...V1, family: 'keras-v2', licence: 'BSD', preprocessing: 'RGB, x/127.5 − 1' };
const LEGACY: Series = {
  ...V1,
  family: 'keras-legacy',
  folder: 'https://github.com/fchollet/deep-learning-models/releases/download/v0.2',
  source: 'https://github.com/fchollet/deep-learning-models/releases/tag/v0.2',
};

/** Matterport's Mask R-CNN, and the networks of Keras. */
export const KERAS_WEIGHTS: readonly PublishedWeights[] = [
  {
    name: 'mask-rcnn-resnet101-coco',
    model: 'mask-rcnn-resnet101',
    url: 'https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5',
    bytes: 257_557_808,
    digest: 'md5:e98aaff6f99e307b5e2a8a3ff741a518',
    licence: 'MIT',
    source: 'https://github.com/matterport/Mask_RCNN/releases/tag/v2.0',
    preprocessing: 'RGB, mean 123.7 116.8 103.9',
    includesTop: false,
  },
  ...keras(LEGACY, [
    ['resnet50', 102_853_048, 'a7b3fe01876f51b976af0dea6bc144eb', 94_653_016, 'a268eb855778b3df3c7506639542a6af'],
  ]),
  ...keras(V1, [
    ['resnet50', 102_967_424, '2cb95161c43110f7111970584f804107', 94_765_736, '4d473c1dd8becc155b73f8504c6f6626'],
    ['resnet101', 179_648_224, 'f1aeb4b969a6efcfb50fad2f0c20cfc5', 171_446_536, '88cf7a10940856eca736dc7b7e228a21'],
    ['resnet152', undefined, '100835be76be38e30d865e96f2aaae62', 234_698_864, 'ee4c566cf9a93f14d82f913c2dc6dd0c'],
  ]),
  ...keras(V2, [
    ['resnet50v2', undefined, '3ef43a0b657b3be2300d5770ece849e0', 94_668_760, 'fac2f116257151a9d068a22e544a4917'],
    ['resnet101v2', undefined, '6343647c601c52e1368623803854d971', 171_317_808, 'c0ed64b8031c3730f411d2eb4eea35b5'],
    ['resnet152v2', undefined, 'a49b44d1979771252814e80f8ec446f9', 234_545_216, 'ed17cf2e0169df9d443503ef94b23b33'],
  ]),
];
