// One client's connection: HTTP/2 and gRPC on a socket that was accepted. Each connection has a gRPC server of its own,
// so what a client can use up (streams, HTTP/2 memory, dumps) is its own. This module and what it imports is loaded
// when the first client comes: gRPC takes as long to load as the rest of the switch.

import type { Socket } from 'node:net';
import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import type { ApiSwitch } from './context.ts';
import { SharedSamples } from './samples.ts';
import { implementation, loadService } from './service.ts';

const KIB = 1024;
const CALLS_MAX = 32;
const REQUEST_BYTES_MAX = 1024 * KIB;
const REPLY_BYTES_MAX = 4 * 1024 * KIB;
/** Of HTTP/2's own: headers and frames of all calls. */
const SESSION_MEMORY_MIB = 16;
const METADATA_BYTES_MAX = 16 * KIB;
/** A client that does not answer pings is gone. */
const KEEPALIVE_MS = 30_000;

const OPTIONS = {
  'grpc.max_concurrent_streams': CALLS_MAX,
  'grpc.max_receive_message_length': REQUEST_BYTES_MAX,
  'grpc.max_send_message_length': REPLY_BYTES_MAX,
  'grpc.max_metadata_size': METADATA_BYTES_MAX,
  'grpc.keepalive_time_ms': KEEPALIVE_MS,
  'grpc.enable_channelz': 0,
  'grpc-node.max_session_memory': SESSION_MEMORY_MIB,
};

/** Serves the sockets that it is given. */
export class Connections {
  readonly #switch: ApiSwitch;
  readonly #definition: ServiceDefinition = loadService();
  readonly #samples = new SharedSamples();

  constructor(apiSwitch: ApiSwitch) {
    this.#switch = apiSwitch;
  }

  serve(socket: Socket): void {
    const server = new Server(OPTIONS);
    const client = { switch: this.#switch, samples: this.#samples, dumps: 0, bundleBytes: 0 };
    server.addService(this.#definition, implementation(client));
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    socket.once('close', () => {
      injector.destroy();
      server.forceShutdown();
    });
    injector.injectConnection(socket);
  }
}
