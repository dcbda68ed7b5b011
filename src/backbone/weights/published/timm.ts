import type { PublishedWeights } from './published-weights.js';

/** One of timm's repositories on the Hugging Face hub, which states the digest of its file when it is asked. */
function entry(architecture: string, recipe: string): PublishedWeights {
  const repository = `https://huggingface.co/timm/${architecture}.${recipe}`;
  return {
    name: `torchvision-${architecture}-imagenet-timm`,
    model: `torchvision-${architecture}`,
    url: `${repository}/resolve/main/model.safetensors`,
    licence: 'Apache-2.0',
    source: repository,
    preprocessing: 'RGB, x/255, mean 0.485 0.456 0.406, std 0.229 0.224 0.225',
    includesTop: true,
  };
}

/** timm's ResNets of the recipes of Wightman et al. 2021 ("ResNet strikes back"), in torchvision's layout. */
export const TIMM_WEIGHTS: readonly PublishedWeights[] = [
  entry('resnet18', 'a1_in1k'),
  entry('resnet34', 'a1_in1k'),
  entry('resnet50', 'a1_in1k'),
  entry('resnet101', 'a1h_in1k'),
  entry('resnet152', 'a1h_in1k'),
];
