import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type ClientDuplexStream,
  type GrpcObject,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';

const PROTO = fileURLToPath(new URL('../../../proto/', import.meta.url));
const definition = loadSync(['open-inference.proto', 'health.proto'], {
  keepCase: true,
  longs: Number,
  enums: String,
  defaults: true,
  includeDirs: [PROTO],
});
const packages = loadPackageDefinition(definition);

type Method = (
  request: object,
  metadata: Metadata,
  options: object,
  callback: (error: ServiceError | null, response: never) => void,
) => unknown;

/** A client of one service, as strangers write it with `@grpc/grpc-js`. */
export class GrpcClient {
  private readonly client: InstanceType<ServiceClientConstructor>;

  constructor(address: string, service = 'inference.GRPCInferenceService') {
    const found = service.split('.').reduce<unknown>((inner, name) => (inner as GrpcObject)[name], packages);
    this.client = new (found as ServiceClientConstructor)(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
    });
  }

  /** @throws ServiceError */
  call<Response>(
    method: string,
    request: object,
    { key, deadlineMs }: { key?: string; deadlineMs?: number } = {},
  ): Promise<Response> {
    const metadata = metadataOf(key);
    const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
    return new Promise((resolve, reject) => {
      (this.client[method] as Method).call(this.client, request, metadata, options, (error, response) => {
        if (error) reject(error);
        else resolve(response);
      });
    });
  }

  stream<Response>(method: string, key?: string): ClientDuplexStream<object, Response> {
    type Open = (metadata: Metadata) => ClientDuplexStream<object, Response>;
    return (this.client[method] as unknown as Open).call(this.client, metadataOf(key));
  }

  close(): void {
    this.client.close();
  }
}

function metadataOf(key: string | undefined): Metadata {
  const metadata = new Metadata();
  if (key !== undefined) metadata.set('authorization', `Bearer ${key}`);
  return metadata;
}
