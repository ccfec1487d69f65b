// A gRPC client of weft's typed API, as anybody would make one from the .proto.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Any message: tests look into them. */
// biome-ignore lint/suspicious/noExplicitAny: messages are made from the .proto at run time
export type Message = any;

export interface Stream {
  write(message: object): boolean;
  end(): void;
  cancel(): void;
  pause(): void;
  resume(): void;
  on(event: string, listener: (value: Message) => void): void;
}

export class ApiClient {
  readonly #client: Client & Record<string, Message>;

  constructor(address: string) {
    const definition = loadSync(join(root, 'src/api/weft/v1/weft.proto'), {
      longs: String,
      enums: String,
      defaults: true,
    });
    const loaded = loadPackageDefinition(definition) as Message;
    // A connection of its own for each client: the default shares one for all of a process.
    this.#client = new loaded.weft.v1.Switch(address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** A call with one reply. Rejects with the status. */
  call(method: string, request: object): Promise<Message> {
    return new Promise((resolve, reject) => {
      this.#client[method](request, (error: ServiceError | null, reply: Message) =>
        error ? reject(error) : resolve(reply),
      );
    });
  }

  /** A stream of replies, or both ways. */
  stream(method: string, request?: object): Stream {
    return request ? this.#client[method](request) : this.#client[method]();
  }

  /** All replies of a stream that ends by itself. Rejects with its status when that is not OK. */
  collect(method: string, request: object): Promise<Message[]> {
    return collected(this.stream(method, request));
  }

  /** Sends flow mods, each in a request of its own; the result of each. */
  async modify(bridge: string, ...mods: object[]): Promise<Message[]> {
    const stream = this.stream('ModifyFlows');
    const replies = collected(stream);
    for (const mod of mods) stream.write({ bridge, mods: [mod] });
    stream.end();
    return (await replies).flatMap((reply) => reply.results.map((result: Message) => result.error));
  }

  /** Sends a bundle's requests and commits them; the reply. Rejects with the status. */
  bundle(...requests: object[]): Promise<Message> {
    return new Promise((resolve, reject) => {
      const stream = this.#client['CommitBundle']((error: ServiceError | null, reply: Message) =>
        error ? reject(error) : resolve(reply),
      );
      for (const request of requests) stream.write(request);
      stream.end();
    });
  }

  close(): void {
    this.#client.close();
  }
}

export function collected(stream: Stream): Promise<Message[]> {
  return new Promise((resolve, reject) => {
    const replies: Message[] = [];
    stream.on('data', (reply) => replies.push(reply));
    stream.on('error', reject);
    stream.on('end', () => resolve(replies));
  });
}

/** Resolves with the first reply that `accepts`. */
export function first(stream: Stream, accepts: (reply: Message) => boolean = () => true): Promise<Message> {
  return new Promise((resolve, reject) => {
    stream.on('data', (reply) => accepts(reply) && resolve(reply));
    stream.on('error', reject);
    stream.on('end', () => reject(new Error('the stream ended')));
  });
}
