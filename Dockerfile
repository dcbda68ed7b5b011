# One image for the API and the workers; ROLE (api, worker or all) says which one a container is.
FROM node:22-bookworm-slim AS base
ENV npm_config_update_notifier=false
WORKDIR /app

FROM base AS build
COPY package.json package-lock.json .npmrc ./
# Like `npm ci`, but content with a lock file that lacks other platforms' binaries (scripts/setup/packages.mjs).
RUN npm install --no-save --include=dev --no-audit --no-fund --loglevel=error
COPY . .
# ONNX Runtime brings its libraries for every system: 220 MB that a Linux container cannot load.
RUN npm run build \
 && npm prune --omit=dev --no-audit --no-fund --loglevel=error \
 && rm -rf node_modules/onnxruntime-node/bin/napi-v*/darwin node_modules/onnxruntime-node/bin/napi-v*/win32

FROM base
# sharp's allocations fragment glibc's heap: its documentation recommends jemalloc. The link makes one path of what
# is another path on each architecture.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libjemalloc2 \
 && rm -rf /var/lib/apt/lists/* \
 && ln -s "/usr/lib/$(uname -m)-linux-gnu/libjemalloc.so.2" /usr/local/lib/libjemalloc.so.2 \
 && test -e /usr/local/lib/libjemalloc.so.2 \
 && install -d -o node -g node /data /weights
ENV LD_PRELOAD=/usr/local/lib/libjemalloc.so.2 \
    NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8080 \
    CAIRN_DATA_DIR=/data \
    CAIRN_WEIGHTS_DIR=/weights
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER node
VOLUME /data
EXPOSE 8080
# A worker serves no HTTP: that it runs is all there is to see.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "if (process.env.ROLE !== 'worker') fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Exec form: SIGTERM reaches node, which lets the running jobs finish.
CMD ["node", "dist/src/main.js"]
