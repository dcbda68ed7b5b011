// Generated from the OpenAPI document by `npm run client:schema`; do not edit.

export interface components {
  schemas: {
    Acknowledged: {
      /** @description How many were not acknowledged before. */
      acknowledged: number;
    };
    /** @description Feature sets to acknowledge. */
    AcknowledgeRequest: {
      /**
       * @example [
       *       "1732187412345-0"
       *     ]
       */
      ids: string[];
    };
    /** @description A finished feature set. */
    Announcement: {
      batch?: {
        id: string;
        line: number;
        name: string;
      };
      /**
       * @description How the archive is compressed: zstd, or jpeg (with loss, for dtype uint8).
       * @enum {string}
       */
      codec: 'zstd' | 'jpeg';
      /** @description Consumers of a group only: how many times it was delivered. */
      delivery?: number;
      /**
       * @description Element type in which the levels are kept: float32, float16 or uint8.
       * @enum {string}
       */
      dtype: 'float32' | 'float16' | 'uint8';
      features: components['schemas']['FeatureSetReference'];
      /** @description Position in the stream; consumers acknowledge it. */
      id: string;
      job: {
        href: string;
        id: string;
      };
      /**
       * @description Order of the axes of a level: nhwc, or nchw with the channels first.
       * @enum {string}
       */
      layout: 'nhwc' | 'nchw';
      /**
       * @description Levels to compute. Default: P2 to P6 where the weights hold a feature pyramid, else C2 to C5.
       * @example [
       *       "C2",
       *       "C3",
       *       "C4",
       *       "C5"
       *     ]
       */
      levels: ('C1' | 'C2' | 'C3' | 'C4' | 'C5' | 'P2' | 'P3' | 'P4' | 'P5' | 'P6')[];
      links: components['schemas']['FeatureSetLinks'];
      /** @description False where the job found the features in the store. */
      made: boolean;
      /**
       * @description Entry of the catalogue: <family>-<architecture>. Default: the best one that has weights.
       * @example mask-rcnn-resnet50
       */
      model: string;
      /** @description Name of the key that submitted the job. */
      owner?: string;
      /**
       * @description Element type in which the network computes: float32, float16 (on a GPU), or int8 (on a CPU, with a calibration).
       * @enum {string}
       */
      precision: 'float32' | 'float16' | 'int8';
      /** @description Quality of codec jpeg, 1 to 100. */
      quality: number;
      /** @description Side of the square canvas in pixels, a multiple of 32. */
      size: number;
      /** @description false leaves out stage 5 of the network, and C5 with it. */
      stage5: boolean;
    };
    /** @description Many images that were submitted together. */
    Batch: {
      /** @description Lines by state; they add up to `total`. */
      counts: {
        active: number;
        cancelled: number;
        completed: number;
        failed: number;
        queued: number;
      };
      /** Format: date-time */
      createdAt: string;
      /** @description Seconds to the end at this rate; null while there is no rate, and once it is finished. */
      etaSeconds: number | null;
      /** Format: date-time */
      finishedAt?: string;
      id: string;
      links: {
        features: string;
        results: string;
        self: string;
      };
      /** @description Name of the key that submitted it. */
      owner?: string;
      /** @description Feature sets per second over the last minute. */
      rate: number;
      /** @description Lines that were refused on arrival, and the first of them. They count as failed. */
      rejected: {
        count: number;
        first: {
          code: string;
          line: number;
          message: string;
        }[];
      };
      /** Format: date-time */
      startedAt?: string;
      /** @enum {string} */
      state: 'running' | 'completed' | 'cancelled';
      /** @description Lines of the batch, refused ones included. */
      total: number;
    };
    /** @description Options of every image, and after them the images as files, under any names. */
    BatchForm: {
      /**
       * @description How the archive is compressed: zstd, or jpeg (with loss, for dtype uint8).
       * @default zstd
       * @enum {string}
       */
      codec?: 'zstd' | 'jpeg';
      /**
       * @description Element type in which the levels are kept: float32, float16 or uint8.
       * @default float16
       * @enum {string}
       */
      dtype?: 'float32' | 'float16' | 'uint8';
      images: string[];
      /**
       * @description Order of the axes of a level: nhwc, or nchw with the channels first.
       * @default nhwc
       * @enum {string}
       */
      layout?: 'nhwc' | 'nchw';
      /**
       * @description Levels to compute. Default: P2 to P6 where the weights hold a feature pyramid, else C2 to C5.
       * @example [
       *       "C2",
       *       "C3",
       *       "C4",
       *       "C5"
       *     ]
       */
      levels?: ('C1' | 'C2' | 'C3' | 'C4' | 'C5' | 'P2' | 'P3' | 'P4' | 'P5' | 'P6')[];
      /**
       * @description Entry of the catalogue: <family>-<architecture>. Default: the best one that has weights.
       * @default mask-rcnn-resnet50
       * @example mask-rcnn-resnet50
       */
      model?: string;
      /**
       * @description Element type in which the network computes: float32, float16 (on a GPU), or int8 (on a CPU, with a calibration).
       * @default float32
       * @enum {string}
       */
      precision?: 'float32' | 'float16' | 'int8';
      /**
       * @description Place of its jobs in the queue.
       * @default low
       * @enum {string}
       */
      priority?: 'high' | 'normal' | 'low';
      /**
       * @description Quality of codec jpeg, 1 to 100.
       * @default 75
       */
      quality?: number;
      /**
       * @description Side of the square canvas in pixels, a multiple of 32.
       * @default 1024
       */
      size?: number;
      /**
       * @description false leaves out stage 5 of the network, and C5 with it.
       * @default true
       */
      stage5?: boolean;
    };
    /** @description The outcome of one line of a batch. */
    BatchResult: {
      /** @description Position in the order of completion, for `after`. */
      cursor: string;
      error?: {
        code: string;
        message: string;
      };
      features?: components['schemas']['FeatureSetReference'];
      /** @description Place in the batch, from 1. */
      line: number;
      /** @description Name of the image, as submitted. */
      name: string;
      /** @enum {string} */
      state: 'completed' | 'failed' | 'cancelled';
    };
    /** @description A page of results in the order of completion. */
    BatchResultPage: {
      /** @description Value of `after` for the next page; null: there are no more results by now. */
      next: string | null;
      results: components['schemas']['BatchResult'][];
    };
    /** @description Consumers that share feature sets among them. */
    ConsumerGroup: {
      consumers: {
        connected: boolean;
        name: string;
        pending: number;
      }[];
      /** Format: date-time */
      createdAt: string;
      filter: {
        batches: string[];
        models: string[];
      };
      /** @description Announcements that the group has not read; null: not known. */
      lag: number | null;
      name: string;
      /** @description Name of the key that it belongs to. */
      owner?: string;
      /** @description Sets that are delivered and not acknowledged. */
      pending: number;
      /** @description The group has read up to here. */
      position: string;
    };
    ConsumerGroupList: {
      groups: components['schemas']['ConsumerGroup'][];
    };
    Extended: {
      /** @description Those that the consumer still holds. */
      extended: string[];
    };
    /** @description Feature sets that a consumer still works on. */
    ExtendRequest: {
      consumer: string;
      /**
       * @example [
       *       "1732187412345-0"
       *     ]
       */
      ids: string[];
    };
    /** @description How a feature set was made, and the levels that it holds. */
    FeatureSet: {
      architecture: string;
      calibrationDigest?: string;
      clipped: string[];
      /** Format: date-time */
      createdAt: string;
      device: string;
      engine: string;
      family: string;
      id: string;
      imageSha256: string;
      levels: {
        channels: number;
        /** @enum {string} */
        codec?: 'jpeg';
        /** @enum {string} */
        dtype: 'float32' | 'float16' | 'uint8';
        /** @enum {string} */
        layout: 'nhwc' | 'nchw';
        name: string;
        quality?: number;
        quantization?: components['schemas']['Quantization'];
        shape: number[];
        stride: number;
      }[];
      links: components['schemas']['FeatureSetLinks'];
      loss?: {
        [key: string]: components['schemas']['Loss'];
      };
      model: string;
      originalShape: number[];
      /** @enum {string} */
      precision: 'float32' | 'float16' | 'int8';
      scale: number;
      size: number;
      softwareVersion: string;
      stage5: boolean;
      weights: string;
      weightsDigest: string;
      window: number[];
    };
    /** @description Paths on this server. */
    FeatureSetLinks: {
      /** @description The archive as one zip file. */
      archive: string;
      /** @description Takes boxes by POST and returns their pooled regions. */
      regions: string;
      /** @description The levels as one safetensors stream. */
      safetensors: string;
      self: string;
      /** @description The archive as a remote Zarr group. */
      zarr: string;
    };
    /** @description A feature set: its id and the path of its description. */
    FeatureSetReference: {
      href: string;
      id: string;
    };
    Health: {
      /** @enum {string} */
      status: 'ok';
    };
    /** @description Images as one tensor, and the requested levels as outputs. */
    InferenceRequest: {
      id?: string;
      inputs: {
        data?: unknown;
        datatype: string;
        name: string;
        /** @default {} */
        parameters?: {
          binary_data_size?: number;
          content_type?: string;
        };
        shape: number[];
      }[];
      outputs?: {
        name: string;
        /** @default {} */
        parameters?: {
          binary_data?: boolean;
        };
      }[];
      parameters?: {
        /** @default false */
        binary_data_output?: boolean;
        dtype?: string;
        precision?: string;
        size?: number | string;
        stage5?: boolean | string;
      } & {
        [key: string]: unknown;
      };
    } & {
      [key: string]: unknown;
    };
    /** @description Levels of the images, as one tensor each. */
    InferenceResponse: {
      id?: string;
      model_name: string;
      model_version: string;
      outputs: {
        data?: number[];
        /** @enum {string} */
        datatype: 'FP32' | 'FP16' | 'UINT8';
        name: string;
        parameters?: {
          binary_data_size?: number;
          /** @description UINT8 only: values are scale × (data − zero_point). One number per image. */
          scale?: string;
          /** @description UINT8 only: the integers that stand for 0. */
          zero_point?: string;
        };
        /** @description [images, height, width, channels] */
        shape: number[];
      }[];
      parameters: {
        /** @description Ids of the feature sets, separated by commas, in the order of the images. */
        features: string;
      };
    };
    /** @description The extraction of the features of one image. */
    Job: {
      /** @description How many times a worker has taken the job. */
      attempts: number;
      /**
       * @description How the archive is compressed: zstd, or jpeg (with loss, for dtype uint8).
       * @enum {string}
       */
      codec: 'zstd' | 'jpeg';
      /** Format: date-time */
      createdAt: string;
      /**
       * @description Element type in which the levels are kept: float32, float16 or uint8.
       * @enum {string}
       */
      dtype: 'float32' | 'float16' | 'uint8';
      /** @description Why the job failed. */
      error?: {
        code: string;
        message: string;
      };
      /** @description The feature set, once the job is completed. */
      features?: components['schemas']['FeatureSetReference'];
      /** @description Id of the feature set; unknown at first for an image that is still to be fetched. */
      featuresId?: string;
      /** Format: date-time */
      finishedAt?: string;
      id: string;
      /**
       * @description Order of the axes of a level: nhwc, or nchw with the channels first.
       * @enum {string}
       */
      layout: 'nhwc' | 'nchw';
      /**
       * @description Levels to compute. Default: P2 to P6 where the weights hold a feature pyramid, else C2 to C5.
       * @example [
       *       "C2",
       *       "C3",
       *       "C4",
       *       "C5"
       *     ]
       */
      levels: ('C1' | 'C2' | 'C3' | 'C4' | 'C5' | 'P2' | 'P3' | 'P4' | 'P5' | 'P6')[];
      links: {
        archive?: string;
        events: string;
        features?: string;
        safetensors?: string;
        self: string;
      };
      /**
       * @description Entry of the catalogue: <family>-<architecture>. Default: the best one that has weights.
       * @example mask-rcnn-resnet50
       */
      model: string;
      /** @description Name of the key that submitted the job. */
      owner?: string;
      /**
       * @description Element type in which the network computes: float32, float16 (on a GPU), or int8 (on a CPU, with a calibration).
       * @enum {string}
       */
      precision: 'float32' | 'float16' | 'int8';
      /** @description The stage that has begun, and the share of work done. */
      progress?: {
        percent: number;
        /** @enum {string} */
        stage: 'fetch' | 'preprocess' | 'run' | 'pack';
      };
      /** @description Quality of codec jpeg, 1 to 100. */
      quality: number;
      /** @description Side of the square canvas in pixels, a multiple of 32. */
      size: number;
      /** @description false leaves out stage 5 of the network, and C5 with it. */
      stage5: boolean;
      /** Format: date-time */
      startedAt?: string;
      /** @enum {string} */
      state: 'queued' | 'active' | 'completed' | 'failed' | 'cancelled';
      /** @description Milliseconds of work per stage. */
      timings?: {
        [key: string]: number;
      };
      /** @description `seeded` (untrained), or the name of the weights file. */
      weights: string;
    };
    /** @description Options, and after them an image as a file. */
    JobForm: {
      /**
       * @description How the archive is compressed: zstd, or jpeg (with loss, for dtype uint8).
       * @default zstd
       * @enum {string}
       */
      codec?: 'zstd' | 'jpeg';
      /**
       * @description Element type in which the levels are kept: float32, float16 or uint8.
       * @default float16
       * @enum {string}
       */
      dtype?: 'float32' | 'float16' | 'uint8';
      /** Format: binary */
      image: string;
      /**
       * @description Order of the axes of a level: nhwc, or nchw with the channels first.
       * @default nhwc
       * @enum {string}
       */
      layout?: 'nhwc' | 'nchw';
      /**
       * @description Levels to compute. Default: P2 to P6 where the weights hold a feature pyramid, else C2 to C5.
       * @example [
       *       "C2",
       *       "C3",
       *       "C4",
       *       "C5"
       *     ]
       */
      levels?: ('C1' | 'C2' | 'C3' | 'C4' | 'C5' | 'P2' | 'P3' | 'P4' | 'P5' | 'P6')[];
      /**
       * @description Entry of the catalogue: <family>-<architecture>. Default: the best one that has weights.
       * @default mask-rcnn-resnet50
       * @example mask-rcnn-resnet50
       */
      model?: string;
      /**
       * @description Element type in which the network computes: float32, float16 (on a GPU), or int8 (on a CPU, with a calibration).
       * @default float32
       * @enum {string}
       */
      precision?: 'float32' | 'float16' | 'int8';
      /**
       * @description Jobs of a higher priority are taken from the queue first.
       * @default normal
       * @enum {string}
       */
      priority?: 'high' | 'normal' | 'low';
      /**
       * @description Quality of codec jpeg, 1 to 100.
       * @default 75
       */
      quality?: number;
      /**
       * @description Side of the square canvas in pixels, a multiple of 32.
       * @default 1024
       */
      size?: number;
      /**
       * @description false leaves out stage 5 of the network, and C5 with it.
       * @default true
       */
      stage5?: boolean;
    };
    /** @description Options, and an image that is not sent along: at a URL, or in the store under its digest. */
    JobRequest: {
      /**
       * @description How the archive is compressed: zstd, or jpeg (with loss, for dtype uint8).
       * @default zstd
       * @enum {string}
       */
      codec?: 'zstd' | 'jpeg';
      /**
       * @description Element type in which the levels are kept: float32, float16 or uint8.
       * @default float16
       * @enum {string}
       */
      dtype?: 'float32' | 'float16' | 'uint8';
      /**
       * @description Order of the axes of a level: nhwc, or nchw with the channels first.
       * @default nhwc
       * @enum {string}
       */
      layout?: 'nhwc' | 'nchw';
      /**
       * @description Levels to compute. Default: P2 to P6 where the weights hold a feature pyramid, else C2 to C5.
       * @example [
       *       "C2",
       *       "C3",
       *       "C4",
       *       "C5"
       *     ]
       */
      levels?: ('C1' | 'C2' | 'C3' | 'C4' | 'C5' | 'P2' | 'P3' | 'P4' | 'P5' | 'P6')[];
      /**
       * @description Entry of the catalogue: <family>-<architecture>. Default: the best one that has weights.
       * @default mask-rcnn-resnet50
       * @example mask-rcnn-resnet50
       */
      model?: string;
      /**
       * @description Element type in which the network computes: float32, float16 (on a GPU), or int8 (on a CPU, with a calibration).
       * @default float32
       * @enum {string}
       */
      precision?: 'float32' | 'float16' | 'int8';
      /**
       * @description Jobs of a higher priority are taken from the queue first.
       * @default normal
       * @enum {string}
       */
      priority?: 'high' | 'normal' | 'low';
      /**
       * @description Quality of codec jpeg, 1 to 100.
       * @default 75
       */
      quality?: number;
      /**
       * @description Side of the square canvas in pixels, a multiple of 32.
       * @default 1024
       */
      size?: number;
      source:
        | {
            /** Format: uri */
            url: string;
          }
        | {
            sha256: string;
          };
      /**
       * @description false leaves out stage 5 of the network, and C5 with it.
       * @default true
       */
      stage5?: boolean;
    };
    /** @description An image in the store, under the SHA-256 of its bytes. */
    KeptImage: {
      bytes: number;
      href: string;
      sha256: string;
    };
    /** @description Signal-to-noise ratio in dB (null where nothing was lost), and the largest error over the largest magnitude. */
    Loss: {
      maxAbs: number;
      snrDb: number | null;
    };
    /** @description An entry of the catalogue. */
    Model: {
      architecture: string;
      /** @description Whether jobs that name no model run this one. */
      default: boolean;
      family: string;
      /** @description Multiply-adds of one image, in units of 10⁹. */
      gmacs: number;
      levels: components['schemas']['ModelLevel'][];
      name: string;
      normalization: {
        /** @enum {string} */
        channelOrder: 'rgb' | 'bgr';
        mean: number[];
        std: number[];
      };
      parameters: {
        nonTrainable: number;
        total: number;
        trainable: number;
      };
      /** @description What a feature pyramid adds; null where the strides do not allow one. */
      pyramid: {
        /** @description Multiply-adds of one image, in units of 10⁹. */
        gmacs: number;
        levels: components['schemas']['ModelLevel'][];
        parameters: number;
      } | null;
      /** @description Side of the canvas in pixels. */
      size: number;
      stage5: boolean;
      /** @description `seeded` (untrained), or the name of the weights file. */
      weights: string;
      /** @description Whether there is a weights file. */
      weightsPresent: boolean;
    };
    /** @description Inputs and outputs of a model as Triton's model configuration. */
    ModelConfiguration: {
      backend: string;
      input: {
        data_type: string;
        dims: number[];
        name: string;
        optional: boolean;
      }[];
      max_batch_size: number;
      name: string;
      output: {
        data_type: string;
        dims: number[];
        name: string;
      }[];
      platform: string;
      version_policy: {
        latest: {
          num_versions: number;
        };
      };
    };
    /** @description An entry of the catalogue, with the digest of its weights. */
    ModelDetails: {
      architecture: string;
      /** @description Whether jobs that name no model run this one. */
      default: boolean;
      family: string;
      /** @description Multiply-adds of one image, in units of 10⁹. */
      gmacs: number;
      levels: components['schemas']['ModelLevel'][];
      name: string;
      normalization: {
        /** @enum {string} */
        channelOrder: 'rgb' | 'bgr';
        mean: number[];
        std: number[];
      };
      parameters: {
        nonTrainable: number;
        total: number;
        trainable: number;
      };
      /** @description What a feature pyramid adds; null where the strides do not allow one. */
      pyramid: {
        /** @description Multiply-adds of one image, in units of 10⁹. */
        gmacs: number;
        levels: components['schemas']['ModelLevel'][];
        parameters: number;
      } | null;
      /** @description Side of the canvas in pixels. */
      size: number;
      stage5: boolean;
      /** @description `seeded` (untrained), or the name of the weights file. */
      weights: string;
      weightsDigest: string;
      /** @description Whether there is a weights file. */
      weightsPresent: boolean;
    };
    /** @description A level of a model, on a canvas of the given size. */
    ModelLevel: {
      channels: number;
      name: string;
      /** @description Layer whose output the level is. */
      node: string;
      /** @description [height, width, channels] */
      shape: number[];
      /** @description Pixels of the canvas per step of the level. */
      stride: number;
    };
    /** @description All models, and the connected workers. */
    ModelList: {
      models: components['schemas']['Model'][];
      /** @description Workers that are connected; null: not known at the moment. */
      workers:
        | {
            device: string;
            engine: string;
            host: string;
            pid: number;
          }[]
        | null;
    };
    /** @description Inputs and outputs of a model. */
    ModelMetadata: {
      /** @description A request has exactly one of them. */
      inputs: components['schemas']['TensorMetadata'][];
      name: string;
      /** @description Every level, in the default size and type; the parameters `size` and `dtype` of a request change them. */
      outputs: components['schemas']['TensorMetadata'][];
      platform: string;
      versions: string[];
    };
    /** @description Problem details (RFC 9457). */
    Problem: {
      /**
       * @description Stable, for programs. Later versions may add codes.
       * @enum {string}
       */
      code:
        | 'archive-corrupt'
        | 'batch-empty'
        | 'batch-finished'
        | 'batch-invalid'
        | 'batch-not-found'
        | 'batch-too-large'
        | 'busy'
        | 'calibration-changed'
        | 'calibration-incomplete'
        | 'calibration-invalid'
        | 'calibration-mismatch'
        | 'calibration-missing'
        | 'cancelled'
        | 'device-unavailable'
        | 'dtype-unknown'
        | 'engine-failed'
        | 'engine-hung'
        | 'engine-restarted'
        | 'engine-unavailable'
        | 'features-corrupt'
        | 'features-not-finite'
        | 'features-not-found'
        | 'group-conflict'
        | 'group-not-found'
        | 'host-forbidden'
        | 'image-corrupt'
        | 'image-decode-crash'
        | 'image-decode-limit'
        | 'image-empty'
        | 'image-missing'
        | 'image-too-large'
        | 'image-unsupported'
        | 'idempotency-conflict'
        | 'internal'
        | 'job-finished'
        | 'job-killed-worker'
        | 'job-not-found'
        | 'job-timeout'
        | 'json-too-large'
        | 'key-invalid'
        | 'key-missing'
        | 'level-absent'
        | 'level-unknown'
        | 'levels-unsuitable'
        | 'method-not-allowed'
        | 'model-not-found'
        | 'model-unknown'
        | 'option-invalid'
        | 'option-unknown'
        | 'origin-forbidden'
        | 'queue-full'
        | 'queue-unavailable'
        | 'quota-exceeded'
        | 'range-not-satisfiable'
        | 'rate-limited'
        | 'regions-too-large'
        | 'request-malformed'
        | 'request-timeout'
        | 'route-not-found'
        | 'scope-missing'
        | 'spec-too-large'
        | 'store-failed'
        | 'store-full'
        | 'store-unavailable'
        | 'upload-corrupt'
        | 'upload-too-large'
        | 'url-forbidden'
        | 'url-rejected'
        | 'url-too-long'
        | 'url-unreachable'
        | 'version-mismatch'
        | 'weights-changed'
        | 'weights-missing'
        | 'weights-not-finite'
        | 'weights-shape'
        | 'weights-unavailable'
        | 'weights-unreadable'
        | 'weights-unsafe-pickle';
      /** @description A sentence for people. */
      detail: string;
      /** @description Path and query of the request. */
      instance: string;
      status: number;
      title: string;
      /** @description `urn:cairn:error:` and the code. */
      type: string;
    };
    /** @description An error of the Open Inference Protocol. */
    ProtocolError: {
      /**
       * @description Stable, for programs; an addition of Cairn to the protocol.
       * @enum {string}
       */
      code:
        | 'archive-corrupt'
        | 'batch-empty'
        | 'batch-finished'
        | 'batch-invalid'
        | 'batch-not-found'
        | 'batch-too-large'
        | 'busy'
        | 'calibration-changed'
        | 'calibration-incomplete'
        | 'calibration-invalid'
        | 'calibration-mismatch'
        | 'calibration-missing'
        | 'cancelled'
        | 'device-unavailable'
        | 'dtype-unknown'
        | 'engine-failed'
        | 'engine-hung'
        | 'engine-restarted'
        | 'engine-unavailable'
        | 'features-corrupt'
        | 'features-not-finite'
        | 'features-not-found'
        | 'group-conflict'
        | 'group-not-found'
        | 'host-forbidden'
        | 'image-corrupt'
        | 'image-decode-crash'
        | 'image-decode-limit'
        | 'image-empty'
        | 'image-missing'
        | 'image-too-large'
        | 'image-unsupported'
        | 'idempotency-conflict'
        | 'internal'
        | 'job-finished'
        | 'job-killed-worker'
        | 'job-not-found'
        | 'job-timeout'
        | 'json-too-large'
        | 'key-invalid'
        | 'key-missing'
        | 'level-absent'
        | 'level-unknown'
        | 'levels-unsuitable'
        | 'method-not-allowed'
        | 'model-not-found'
        | 'model-unknown'
        | 'option-invalid'
        | 'option-unknown'
        | 'origin-forbidden'
        | 'queue-full'
        | 'queue-unavailable'
        | 'quota-exceeded'
        | 'range-not-satisfiable'
        | 'rate-limited'
        | 'regions-too-large'
        | 'request-malformed'
        | 'request-timeout'
        | 'route-not-found'
        | 'scope-missing'
        | 'spec-too-large'
        | 'store-failed'
        | 'store-full'
        | 'store-unavailable'
        | 'upload-corrupt'
        | 'upload-too-large'
        | 'url-forbidden'
        | 'url-rejected'
        | 'url-too-long'
        | 'url-unreachable'
        | 'version-mismatch'
        | 'weights-changed'
        | 'weights-missing'
        | 'weights-not-finite'
        | 'weights-shape'
        | 'weights-unavailable'
        | 'weights-unreadable'
        | 'weights-unsafe-pickle';
      /** @description A sentence for people. */
      error: string;
    };
    /** @description An integer q stands for scale × (q − zeroPoint); scale is a float32. Only levels of uint8 have it. */
    Quantization: {
      scale: number;
      zeroPoint: number;
    };
    /** @description Whether the server, or a model, is ready. */
    Readiness: {
      /** @description Why it is not ready. */
      error?: string;
      /** @description Name of the model that was asked for. */
      name?: string;
      ready: boolean;
    };
    /** @description Boxes, and how their regions are pooled. */
    RegionRequest: {
      /** @description Corners in the order of `format`. */
      boxes: number[][];
      /**
       * @description Pixels of the canvas, or shares of its side.
       * @default pixel
       * @enum {string}
       */
      coordinates?: 'pixel' | 'normalized';
      /**
       * @description Order of the corners. Default: yxyx for matterport, else xyxy.
       * @enum {string}
       */
      format?: 'yxyx' | 'xyxy';
      /**
       * @description Levels to pool from. Default: those that detection heads read.
       * @example [
       *       "P2",
       *       "P3",
       *       "P4",
       *       "P5"
       *     ]
       */
      levels?: string[];
      /**
       * @description The project whose RoIAlign is reproduced exactly.
       * @default matterport
       * @enum {string}
       */
      method?: 'matterport' | 'detectron2' | 'torchvision';
      /**
       * @description Bins of a region: the side, or [height, width].
       * @default 7
       */
      outputSize?: number | number[];
      /** @description Samples of a bin along each axis; 0 adapts to the box. Default: 0 for detectron2, 2 for torchvision; matterport always takes one. */
      samplingRatio?: number;
    };
    /** @description Models with their state. */
    RepositoryIndex: {
      name: string;
      reason: string;
      state: string;
      version: string;
    }[];
    ServerLive: {
      live: boolean;
    };
    /** @description The server and its extensions of the protocol. */
    ServerMetadata: {
      extensions: string[];
      name: string;
      version: string;
    };
    /** @description An input or output of a model. */
    TensorMetadata: {
      datatype: string;
      name: string;
      /** @description -1 is any length. */
      shape: number[];
    };
  };
  responses: never;
  parameters: never;
  requestBodies: never;
  headers: never;
  pathItems: never;
}
export interface operations {
  checkLive: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The service is alive. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Health'];
        };
      };
    };
  };
  getMetrics: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The metrics. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'text/plain': string;
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  checkReady: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The queue and the store can be written to. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Health'];
        };
      };
      /** @description The queue or the store is not available. */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The store is full. */
      507: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  submitBatch: {
    parameters: {
      query?: {
        /** @description How the archive is compressed: zstd, or jpeg (with loss, for dtype uint8). */
        codec?: 'zstd' | 'jpeg';
        /** @description Element type in which the levels are kept: float32, float16 or uint8. */
        dtype?: 'float32' | 'float16' | 'uint8';
        /** @description Order of the axes of a level: nhwc, or nchw with the channels first. */
        layout?: 'nhwc' | 'nchw';
        /**
         * @description Levels to compute. Default: P2 to P6 where the weights hold a feature pyramid, else C2 to C5.
         * @example [
         *       "C2",
         *       "C3",
         *       "C4",
         *       "C5"
         *     ]
         */
        levels?: ('C1' | 'C2' | 'C3' | 'C4' | 'C5' | 'P2' | 'P3' | 'P4' | 'P5' | 'P6')[];
        /**
         * @description Entry of the catalogue: <family>-<architecture>. Default: the best one that has weights.
         * @example mask-rcnn-resnet50
         */
        model?: string;
        /** @description Element type in which the network computes: float32, float16 (on a GPU), or int8 (on a CPU, with a calibration). */
        precision?: 'float32' | 'float16' | 'int8';
        /** @description Place of its jobs in the queue. */
        priority?: 'high' | 'normal' | 'low';
        /** @description Quality of codec jpeg, 1 to 100. */
        quality?: number;
        /** @description Side of the square canvas in pixels, a multiple of 32. */
        size?: number;
        /** @description false leaves out stage 5 of the network, and C5 with it. */
        stage5?: boolean;
      };
      header?: {
        /** @description Sending the same key with the same body again returns the same batch. */
        'Idempotency-Key'?: string;
      };
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        'application/gzip': string;
        'application/x-ndjson': string;
        'application/x-tar': string;
        'application/zip': string;
        'multipart/form-data': components['schemas']['BatchForm'];
      };
    };
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description There is a batch of this key already. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Batch'];
        };
      };
      /** @description The batch is running. */
      202: {
        headers: {
          /** @description Path of the batch. */
          Location?: string;
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Batch'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The Idempotency-Key came with another body before. */
      409: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description Too many entries, or too large. */
      413: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description Too many lines are refused. */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description Too many batches have not ended. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  getBatch: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** @description Id of the batch. */
        id: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The batch. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Batch'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description There is no such batch; batches are kept for seven days once they are finished. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  cancelBatch: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** @description Id of the batch. */
        id: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The cancelled batch. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Batch'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description There is no such batch; batches are kept for seven days once they are finished. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The batch has already completed. */
      409: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  streamBatchFeatures: {
    parameters: {
      query?: {
        /** @description Cursor of the last result received. Default: from the first result. */
        after?: string;
        /** @description Type in which the levels are sent: values are converted on the way. Default: as stored. */
        as?: 'float16' | 'float32';
        /**
         * @description Names of levels. Default: every level of each feature set.
         * @example [
         *       "P2",
         *       "P3"
         *     ]
         */
        levels?: ('C1' | 'C2' | 'C3' | 'C4' | 'C5' | 'P2' | 'P3' | 'P4' | 'P5' | 'P6')[];
        /** @description fine-first is the order of the archive; coarse-first sends the smallest level first. */
        order?: 'fine-first' | 'coarse-first';
        /**
         * @description y0,x0,y1,x1 in pixels of the canvas: the part to cut out of each level. Default: whole levels.
         * @example 128,0,512,256
         */
        window?: string;
      };
      header?: never;
      path: {
        /** @description Id of the batch. */
        id: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description Members `<line>.json` and `<line>.safetensors`, as WebDataset names them. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/x-tar': string;
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description There is no such batch; batches are kept for seven days once they are finished. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  listBatchResults: {
    parameters: {
      query?: {
        /** @description Cursor of the last result received. Default: from the first result. */
        after?: string;
        /** @description NDJSON only: continue until the batch is finished. */
        follow?: boolean;
        /** @description Most results to return. Default: 1000 on a page, no limit as NDJSON. */
        limit?: number;
        /** @description Only results of this state. */
        state?: 'completed' | 'failed' | 'cancelled';
      };
      header?: never;
      path: {
        /** @description Id of the batch. */
        id: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The results. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['BatchResultPage'];
          'application/x-ndjson': string;
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description There is no such batch; batches are kept for seven days once they are finished. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  extract: {
    parameters: {
      query?: {
        /** @description Type in which the levels are sent: values are converted on the way. Default: as stored. */
        as?: 'float16' | 'float32';
        /** @description How the archive is compressed: zstd, or jpeg (with loss, for dtype uint8). */
        codec?: 'zstd' | 'jpeg';
        /** @description Element type in which the levels are kept: float32, float16 or uint8. */
        dtype?: 'float32' | 'float16' | 'uint8';
        /** @description Order of the axes of a level: nhwc, or nchw with the channels first. */
        layout?: 'nhwc' | 'nchw';
        /**
         * @description Levels to compute. Default: P2 to P6 where the weights hold a feature pyramid, else C2 to C5.
         * @example [
         *       "C2",
         *       "C3",
         *       "C4",
         *       "C5"
         *     ]
         */
        levels?: ('C1' | 'C2' | 'C3' | 'C4' | 'C5' | 'P2' | 'P3' | 'P4' | 'P5' | 'P6')[];
        /**
         * @description Entry of the catalogue: <family>-<architecture>. Default: the best one that has weights.
         * @example mask-rcnn-resnet50
         */
        model?: string;
        /** @description fine-first is the order of the archive; coarse-first sends the smallest level first. */
        order?: 'fine-first' | 'coarse-first';
        /** @description Element type in which the network computes: float32, float16 (on a GPU), or int8 (on a CPU, with a calibration). */
        precision?: 'float32' | 'float16' | 'int8';
        /** @description Place in the queue. */
        priority?: 'high' | 'normal' | 'low';
        /** @description Quality of codec jpeg, 1 to 100. */
        quality?: number;
        /** @description Side of the square canvas in pixels, a multiple of 32. */
        size?: number;
        /** @description false leaves out stage 5 of the network, and C5 with it. */
        stage5?: boolean;
      };
      header?: {
        /**
         * @description `zstd` before all others: compressed frames.
         * @example zstd
         */
        'Accept-Encoding'?: string;
      };
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "source": {
         *         "url": "https://example.org/photo.jpg"
         *       },
         *       "levels": [
         *         "C4"
         *       ]
         *     }
         */
        'application/json': components['schemas']['JobRequest'];
        'image/*': string;
        'multipart/form-data': components['schemas']['JobForm'];
      };
    };
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The levels as a safetensors stream. */
      200: {
        headers: {
          /** @description Path of the same levels, for later. */
          'Content-Location'?: string;
          [name: string]: unknown;
        };
        content: {
          'application/octet-stream': string;
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The job was cancelled. */
      409: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The queue is full; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  getFeatures: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /**
         * @description Id of the feature set: 64 hexadecimal digits.
         * @example e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442
         */
        id: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The description. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['FeatureSet'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description There is no such feature set. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The stored set is damaged: submit its image again, and it is made anew. */
      410: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  getLevels: {
    parameters: {
      query?: {
        /** @description Type in which the levels are sent: values are converted on the way. Default: as stored. */
        as?: 'float16' | 'float32';
        /**
         * @description Names of levels. Default: every level of the feature set.
         * @example [
         *       "C2",
         *       "C3"
         *     ]
         */
        levels?: string[];
        /** @description fine-first is the order of the archive; coarse-first sends the smallest level first. */
        order?: 'fine-first' | 'coarse-first';
        /**
         * @description y0,x0,y1,x1 in pixels of the canvas: the part to cut out of each level. Default: whole levels.
         * @example 128,0,512,256
         */
        window?: string;
      };
      header?: {
        /**
         * @description `zstd` before all others: compressed frames.
         * @example zstd
         */
        'Accept-Encoding'?: string;
      };
      path: {
        /**
         * @description Id of the feature set: 64 hexadecimal digits.
         * @example e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442
         */
        id: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description A header, then the levels band by band. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/octet-stream': string;
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description There is no such feature set. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The stored set is damaged: submit its image again, and it is made anew. */
      410: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description Too many requests for levels are being answered. */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  getArchive: {
    parameters: {
      query?: never;
      header?: {
        /**
         * @description One range of bytes.
         * @example bytes=0-1023
         */
        Range?: string;
      };
      path: {
        /**
         * @description Id of the feature set: 64 hexadecimal digits.
         * @example e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442
         */
        id: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The whole file. It never changes. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/zip': string;
        };
      };
      /** @description The range asked for. */
      206: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/zip': string;
        };
      };
      /** @description Where the store itself has the file, for a while. */
      307: {
        headers: {
          /** @description A URL. */
          location?: string;
          [name: string]: unknown;
        };
        content?: never;
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description There is no such feature set. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The stored set is damaged: submit its image again, and it is made anew. */
      410: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The range lies outside of the file. */
      416: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  getArchiveEntry: {
    parameters: {
      query?: never;
      header?: {
        /**
         * @description One range of bytes.
         * @example bytes=0-1023
         */
        Range?: string;
      };
      path: {
        /**
         * @description Id of the feature set: 64 hexadecimal digits.
         * @example e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442
         */
        id: string;
        /**
         * @description Path in the archive.
         * @example C4/zarr.json
         */
        path: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The whole file. It never changes. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': string;
          'application/octet-stream': string;
        };
      };
      /** @description The range asked for. */
      206: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': string;
          'application/octet-stream': string;
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description There is no such feature set. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The stored set is damaged: submit its image again, and it is made anew. */
      410: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The range lies outside of the file. */
      416: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  poolRegions: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /**
         * @description Id of the feature set: 64 hexadecimal digits.
         * @example e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442e3b0c442
         */
        id: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "boxes": [
         *         [
         *           128,
         *           0,
         *           512,
         *           256
         *         ]
         *       ],
         *       "levels": [
         *         "P2",
         *         "P3",
         *         "P4",
         *         "P5"
         *       ]
         *     }
         */
        'application/json': components['schemas']['RegionRequest'];
      };
    };
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description safetensors with `regions`, F32 [N, height, width, channels], and `levels`, U8 [N]. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/octet-stream': string;
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description There is no such feature set. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The stored set is damaged: submit its image again, and it is made anew. */
      410: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The answer would be too large. */
      413: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description Too many requests for regions are being answered. */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  uploadImage: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        'image/*': string;
      };
    };
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The image is in the store. */
      201: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['KeptImage'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description Too many bytes or pixels. */
      413: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description Not a readable image. */
      415: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  hasImage: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** @description SHA-256 of its bytes: 64 hexadecimal digits. */
        sha256: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The store has the image. */
      200: {
        headers: {
          /** @description Its bytes. */
          'Content-Length'?: string;
          [name: string]: unknown;
        };
        content?: never;
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The store does not have the image. As all answers to HEAD, this one has no body. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  submitJob: {
    parameters: {
      query?: {
        /** @description How the archive is compressed: zstd, or jpeg (with loss, for dtype uint8). */
        codec?: 'zstd' | 'jpeg';
        /** @description Element type in which the levels are kept: float32, float16 or uint8. */
        dtype?: 'float32' | 'float16' | 'uint8';
        /** @description Order of the axes of a level: nhwc, or nchw with the channels first. */
        layout?: 'nhwc' | 'nchw';
        /**
         * @description Levels to compute. Default: P2 to P6 where the weights hold a feature pyramid, else C2 to C5.
         * @example [
         *       "C2",
         *       "C3",
         *       "C4",
         *       "C5"
         *     ]
         */
        levels?: ('C1' | 'C2' | 'C3' | 'C4' | 'C5' | 'P2' | 'P3' | 'P4' | 'P5' | 'P6')[];
        /**
         * @description Entry of the catalogue: <family>-<architecture>. Default: the best one that has weights.
         * @example mask-rcnn-resnet50
         */
        model?: string;
        /** @description Element type in which the network computes: float32, float16 (on a GPU), or int8 (on a CPU, with a calibration). */
        precision?: 'float32' | 'float16' | 'int8';
        /** @description Jobs of a higher priority are taken from the queue first. */
        priority?: 'high' | 'normal' | 'low';
        /** @description Quality of codec jpeg, 1 to 100. */
        quality?: number;
        /** @description Side of the square canvas in pixels, a multiple of 32. */
        size?: number;
        /** @description false leaves out stage 5 of the network, and C5 with it. */
        stage5?: boolean;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "source": {
         *         "url": "https://example.org/photo.jpg"
         *       },
         *       "levels": [
         *         "C4"
         *       ]
         *     }
         */
        'application/json': components['schemas']['JobRequest'];
        'image/*': string;
        'multipart/form-data': components['schemas']['JobForm'];
      };
    };
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The features are in the store already; the job is completed. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Job'];
        };
      };
      /** @description The job is queued. */
      202: {
        headers: {
          /** @description Path of the job. */
          Location?: string;
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Job'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The queue is full; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  getJob: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** @description Id of the job. */
        id: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The job as it is now. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Job'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description There is no such job; jobs are kept for seven days. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  cancelJob: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** @description Id of the job. */
        id: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The cancelled job. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Job'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description There is no such job; jobs are kept for seven days. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The job has already completed or failed. */
      409: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  followJob: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** @description Id of the job. */
        id: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description Events `state` and `progress`; the data of each is the job. `end`: the job is lost. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'text/event-stream': string;
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description There is no such job; jobs are kept for seven days. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  listModels: {
    parameters: {
      query?: {
        /** @description Side of the square canvas in pixels, a multiple of 32. */
        size?: number;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description All models, and the workers that are connected. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ModelList'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  getModel: {
    parameters: {
      query?: {
        /** @description Side of the square canvas in pixels, a multiple of 32. */
        size?: number;
      };
      header?: never;
      path: {
        /**
         * @description Name of the model.
         * @example mask-rcnn-resnet50
         */
        name: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The model. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ModelDetails'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description There is no such model. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  streamFeatures: {
    parameters: {
      query?: {
        /** @description Subscribers: as Last-Event-ID; 0 is the oldest event that is kept. Default: from now on. */
        after?: string;
        /** @description Only feature sets of these batches. */
        batch?: string[];
        /** @description Consumers: name of this one in its group. */
        consumer?: string;
        /** @description Consumers: where a new group begins: an id, or 0 for the oldest. Default: from now on. */
        from?: string;
        /** @description Consumers: each feature set goes to one consumer of the group. */
        group?: string;
        /** @description Only feature sets of these models. */
        model?: string[];
        /** @description Consumers: most sets that are delivered and not acknowledged. */
        prefetch?: number;
        /** @description Consumers: a set that is not acknowledged for this long is delivered again. */
        redeliverAfterMs?: number;
      };
      header?: {
        /** @description Subscribers: the id of the last event, to resume after it. */
        'Last-Event-ID'?: string;
      };
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description Events `ready`, `features` and `gap`; for consumers also `lost` and `end`. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'text/event-stream': string;
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The group was created with another filter. */
      409: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  listConsumerGroups: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description All groups, by name. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ConsumerGroupList'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  deleteConsumerGroup: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** @description Name of the group; for a key of scope admin also `owner/group`, as one part. */
        group: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The group is deleted. */
      204: {
        headers: {
          [name: string]: unknown;
        };
        content?: never;
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description There is no such group. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  acknowledgeFeatures: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** @description Name of the group; for a key of scope admin also `owner/group`, as one part. */
        group: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        'application/json': components['schemas']['AcknowledgeRequest'];
      };
    };
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The number of sets acknowledged. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Acknowledged'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description There is no such group. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  extendDelivery: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** @description Name of the group; for a key of scope admin also `owner/group`, as one part. */
        group: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        'application/json': components['schemas']['ExtendRequest'];
      };
    };
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The time limit is restarted. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Extended'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description There is no such group. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['Problem'];
        };
      };
    };
  };
  getServerMetadata: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description Server metadata. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ServerMetadata'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
    };
  };
  checkServerLive: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The server is alive. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ServerLive'];
        };
      };
    };
  };
  checkServerReady: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The server is ready. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Readiness'];
        };
      };
      /** @description The server is not ready; `error` says why. */
      400: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Readiness'];
        };
      };
    };
  };
  getModelMetadata: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /**
         * @description Name of the model.
         * @example mask-rcnn-resnet50
         */
        model: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description Model metadata. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ModelMetadata'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description There is no such model or version. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
    };
  };
  getModelConfiguration: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /**
         * @description Name of the model.
         * @example mask-rcnn-resnet50
         */
        model: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description Model configuration. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ModelConfiguration'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description There is no such model or version. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
    };
  };
  infer: {
    parameters: {
      query?: never;
      header?: {
        /** @description Bytes of JSON before the binary data; 0: the body is one image. */
        'Inference-Header-Content-Length'?: string;
      };
      path: {
        /**
         * @description Name of the model.
         * @example mask-rcnn-resnet50
         */
        model: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "inputs": [
         *         {
         *           "name": "image_bytes",
         *           "datatype": "BYTES",
         *           "shape": [
         *             1
         *           ],
         *           "data": [
         *             "/9j/4AAQSkZJRg…"
         *           ]
         *         }
         *       ],
         *       "outputs": [
         *         {
         *           "name": "C5"
         *         }
         *       ],
         *       "parameters": {
         *         "size": 256
         *       }
         *     }
         */
        'application/json': components['schemas']['InferenceRequest'];
        'application/octet-stream': string;
      };
    };
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The outputs. */
      200: {
        headers: {
          /** @description Bytes of JSON before the binary data. */
          'Inference-Header-Content-Length'?: string;
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['InferenceResponse'];
          'application/octet-stream': string;
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description There is no such model or version. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
    };
  };
  checkModelReady: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /**
         * @description Name of the model.
         * @example mask-rcnn-resnet50
         */
        model: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The model is ready. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Readiness'];
        };
      };
      /** @description The server is not ready; `error` says why. */
      400: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Readiness'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description There is no such model or version. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
    };
  };
  getModelMetadataVersion: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /**
         * @description Name of the model.
         * @example mask-rcnn-resnet50
         */
        model: string;
        /**
         * @description Version of the model: 1.
         * @example 1
         */
        version: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description Model metadata. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ModelMetadata'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description There is no such model or version. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
    };
  };
  getModelConfigurationVersion: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /**
         * @description Name of the model.
         * @example mask-rcnn-resnet50
         */
        model: string;
        /**
         * @description Version of the model: 1.
         * @example 1
         */
        version: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description Model configuration. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ModelConfiguration'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description There is no such model or version. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
    };
  };
  inferVersion: {
    parameters: {
      query?: never;
      header?: {
        /** @description Bytes of JSON before the binary data; 0: the body is one image. */
        'Inference-Header-Content-Length'?: string;
      };
      path: {
        /**
         * @description Name of the model.
         * @example mask-rcnn-resnet50
         */
        model: string;
        /**
         * @description Version of the model: 1.
         * @example 1
         */
        version: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "inputs": [
         *         {
         *           "name": "image_bytes",
         *           "datatype": "BYTES",
         *           "shape": [
         *             1
         *           ],
         *           "data": [
         *             "/9j/4AAQSkZJRg…"
         *           ]
         *         }
         *       ],
         *       "outputs": [
         *         {
         *           "name": "C5"
         *         }
         *       ],
         *       "parameters": {
         *         "size": 256
         *       }
         *     }
         */
        'application/json': components['schemas']['InferenceRequest'];
        'application/octet-stream': string;
      };
    };
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The outputs. */
      200: {
        headers: {
          /** @description Bytes of JSON before the binary data. */
          'Inference-Header-Content-Length'?: string;
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['InferenceResponse'];
          'application/octet-stream': string;
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description There is no such model or version. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
    };
  };
  checkModelReadyVersion: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /**
         * @description Name of the model.
         * @example mask-rcnn-resnet50
         */
        model: string;
        /**
         * @description Version of the model: 1.
         * @example 1
         */
        version: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The model is ready. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Readiness'];
        };
      };
      /** @description The server is not ready; `error` says why. */
      400: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Readiness'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description There is no such model or version. */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
    };
  };
  indexRepository: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: {
      content: {
        'application/json': {
          /**
           * @description Only models that are ready.
           * @default false
           */
          ready?: boolean;
        };
      };
    };
    responses: {
      /** @description The request was refused: `code` and the message say why. */
      '4XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The server cannot answer now, or has a fault. */
      '5XX': {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The models. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['RepositoryIndex'];
        };
      };
      /** @description The request has no API key, or one that the server does not know. */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key lacks the scope of this operation (`x-scope`), or the request comes from a page of another site. */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
      /** @description The key has used up its requests per second or another quota; try again after `Retry-After` seconds. */
      429: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ProtocolError'];
        };
      };
    };
  };
}
