# The API and the workers share one image; ROLE (api, worker or all) selects. VARIANT selects what networks run on:
#
#   cpu             everything on the CPU; the only variant for arm64 as well
#   gpu             ONNX Runtime on NVIDIA GPUs, with CUDA 12 and cuDNN 9
#   tensorflow-gpu  TensorFlow on NVIDIA GPUs, with the CUDA 12 libraries of TensorFlow's wheels
#
#   docker build --build-arg VARIANT=gpu --tag cairn:gpu .
#
# Building needs no GPU and tests none: docs/deployment.md says how to check that a container uses its GPU.
ARG VARIANT=cpu

FROM node:22-bookworm-slim AS base
ENV npm_config_update_notifier=false
WORKDIR /app

FROM base AS packages
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev --no-audit --no-fund --loglevel=error

FROM packages AS build
COPY tsconfig.json tsconfig.build.json ./
# The benchmarks and examples are not part of the image: tsconfig.build.json compiles whichever of its folders exist.
COPY src ./src
COPY calibrations ./calibrations
COPY proto ./proto
RUN npm run build
# Only the variant that has its addon needs the native TensorFlow package (215 MB with its dependencies). ONNX Runtime
# ships its libraries for every system: 220 MB that a Linux container cannot load. Source maps take another 224 MB.
ARG VARIANT
RUN if [ "${VARIANT}" != tensorflow-gpu ]; then npm pkg delete optionalDependencies.@tensorflow/tfjs-node-gpu; fi \
 && npm prune --omit=dev --no-audit --no-fund --loglevel=error \
 && rm -rf node_modules/onnxruntime-node/bin/napi-v*/darwin node_modules/onnxruntime-node/bin/napi-v*/win32 \
 && find node_modules -name '*.map' -type f -delete

# ONNX Runtime's GPU libraries, from its release for CUDA 12: the package that onnxruntime-node would download is built
# for CUDA 13. The version is that of onnxruntime-node in package.json.
FROM packages AS cuda-providers
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates curl \
 && rm -rf /var/lib/apt/lists/*
ARG ONNXRUNTIME_VERSION=1.30.0
ARG ONNXRUNTIME_SHA256=f9886932ee7bb0b4d3fcab736a392d4ff5efaa0672b47f19f0cec03437cf64f1
RUN release="onnxruntime-linux-x64-gpu_cuda12-${ONNXRUNTIME_VERSION}" \
 && curl -fsSL --retry 3 --output /tmp/release.tgz \
      "https://github.com/microsoft/onnxruntime/releases/download/v${ONNXRUNTIME_VERSION}/${release}.tgz" \
 && echo "${ONNXRUNTIME_SHA256}  /tmp/release.tgz" | sha256sum --check \
 && mkdir /opt/onnxruntime \
 && tar -xzf /tmp/release.tgz -C /opt/onnxruntime \
 && rm /tmp/release.tgz
COPY scripts ./scripts
RUN libraries="$(dirname "$(find /opt/onnxruntime -name libonnxruntime_providers_cuda.so)")" \
 && node scripts/engine-cuda.mjs --no-proof --from "${libraries}" \
 && mkdir /made \
 && find node_modules/onnxruntime-node/bin -name 'libonnxruntime_providers_*.so' -exec cp --parents {} /made/ \;

# TensorFlow's libraries with CUDA's, and the addon of TF.js compiled against them. Their path is the same in the image,
# because the addon loads them by path.
FROM packages AS tensorflow-addon
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ make python3 python3-pip \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m pip install --no-cache-dir --target /opt/tensorflow 'tensorflow[and-cuda]==2.21.0'
COPY scripts ./scripts
RUN node scripts/engine-tensorflow.mjs --no-proof --libtensorflow /opt/tensorflow/tensorflow \
 && mkdir /made \
 && cp -a --parents node_modules/@tensorflow/tfjs-node-gpu/lib node_modules/@tensorflow/tfjs-node-gpu/deps /made/

FROM base AS cpu-base

FROM nvidia/cuda:12.9.1-cudnn-runtime-ubuntu24.04 AS gpu-base
WORKDIR /app
COPY --from=base /usr/local/bin/node /usr/local/bin/node
# The user of the Node image, with the same id, because the containers share /data. Ubuntu's own user has that id too.
RUN (userdel --remove ubuntu || true) \
 && groupadd --gid 1000 node \
 && useradd --uid 1000 --gid node --create-home node \
 && node --version
COPY --from=cuda-providers /made/ ./
# Everything that they load must be here, except the driver, which comes with the GPU. cuDNN is loaded on first use.
RUN ldconfig -p | grep --quiet 'libcudnn\.so\.9' \
 && cd node_modules/onnxruntime-node/bin/napi-v*/linux/x64 \
 && LD_LIBRARY_PATH=".:${LD_LIBRARY_PATH}" ldd libonnxruntime_providers_cuda.so > /tmp/needs \
 && ! grep 'not found' /tmp/needs | grep --invert-match 'libcuda\.so\.1' \
 && rm /tmp/needs
# NVIDIA's entrypoint prints a banner.
ENTRYPOINT []

FROM base AS tensorflow-gpu-base
COPY --from=tensorflow-addon /opt/tensorflow/tensorflow/libtensorflow*.so.2 /opt/tensorflow/tensorflow/
COPY --from=tensorflow-addon /opt/tensorflow/nvidia /opt/tensorflow/nvidia
COPY --from=tensorflow-addon /made/ ./
# TensorFlow looks for CUDA's libraries beside itself; those find each other through the system's loader.
RUN printf '%s\n' /opt/tensorflow/nvidia/*/lib > /etc/ld.so.conf.d/tensorflow-cuda.conf \
 && ldconfig \
 && ldd node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v*/tfjs_binding.node > /tmp/needs \
 && ! grep 'not found' /tmp/needs | grep --invert-match 'libcuda\.so\.1' \
 && rm /tmp/needs
# The settings of NVIDIA's own images for the container runtime.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

FROM ${VARIANT}-base
# sharp's allocations fragment glibc's heap: its documentation recommends jemalloc. The link gives it one path on every
# architecture. /cache is for kernels compiled for a GPU.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libjemalloc2 \
 && rm -rf /var/lib/apt/lists/* \
 && ln -s "/usr/lib/$(uname -m)-linux-gnu/libjemalloc.so.2" /usr/local/lib/libjemalloc.so.2 \
 && test -e /usr/local/lib/libjemalloc.so.2 \
 && install -d -o node -g node /data /weights /cache
# HOST lets others in: the API does not start without CAIRN_API_KEYS_FILE, or CAIRN_AUTH=off.
ENV LD_PRELOAD=/usr/local/lib/libjemalloc.so.2 \
    NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8080 \
    CAIRN_DATA_DIR=/data \
    CAIRN_WEIGHTS_DIR=/weights
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/calibrations ./calibrations
COPY --from=build /app/proto ./proto
# By number, as Kubernetes' runAsNonRoot requires: the user node.
USER 1000:1000
VOLUME /data
EXPOSE 8080
# A worker serves no HTTP: it renews a file while it is sound.
ENV CAIRN_LIVENESS_FILE=/tmp/cairn-alive
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "if (process.env.ROLE === 'worker') process.exit(Date.now() - fs.statSync(process.env.CAIRN_LIVENESS_FILE).mtimeMs < 60000 ? 0 : 1); fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Exec form: SIGTERM reaches node, which finishes the running jobs.
CMD ["node", "dist/src/main.js"]
