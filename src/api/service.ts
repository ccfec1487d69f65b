// The service of weft/v1/weft.proto: its calls joined to their handlers, and errors turned into statuses.

import { fileURLToPath } from 'node:url';
import {
  type handleUnaryCall,
  loadPackageDefinition,
  Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerWritableStream,
  type ServiceClientConstructor,
  type ServiceDefinition,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Call, type Client } from './call.ts';
import { callStatus } from './errors.ts';
import { commitBundle } from './handlers/bundles.ts';
import { dumpFlows, modifyFlows } from './handlers/flows.ts';
import { dumpGroups, dumpMeters, modifyGroups, modifyMeters } from './handlers/groups.ts';
import { streamPacketIns } from './handlers/packet-ins.ts';
import { barrier, packetOut, trace } from './handlers/packets.ts';
import { listBridges, streamPorts } from './handlers/ports.ts';
import { streamPortStats, streamTableStats } from './handlers/statistics.ts';
import type { BundleRequest, ModifyFlowsRequest } from './messages.ts';

/** How messages look in JavaScript: see messages.ts. */
const LOAD_OPTIONS = { longs: String, enums: String, defaults: true, oneofs: true, arrays: true };

/** Reads the service's definition. */
export function loadService(): ServiceDefinition {
  const path = fileURLToPath(new URL('./weft/v1/weft.proto', import.meta.url));
  const loaded = loadPackageDefinition(loadSync(path, LOAD_OPTIONS)) as unknown as {
    readonly weft: { readonly v1: { readonly Switch: ServiceClientConstructor } };
  };
  return loaded.weft.v1.Switch.service;
}

/** The handlers, for the calls of one connection. */
export function implementation(client: Client): UntypedServiceImplementation {
  const unary = <Q, R>(handle: (request: Q, client: Client) => R | Promise<R>) => unaryCall(client, handle);
  const stream = <Q>(handle: (request: Q, call: Call, ready: () => void) => Promise<void>) =>
    streamCall(client, handle);
  return {
    ListBridges: unary(listBridges),
    ModifyFlows: (call: ServerDuplexStream<ModifyFlowsRequest, object>) => {
      // Leaving the loop over requests must leave the stream open for the status.
      const requests = call.iterator({ destroyOnReturn: false }) as AsyncIterable<ModifyFlowsRequest>;
      void finish(call, modifyFlows(requests, new Call(client, call)));
    },
    DumpFlows: stream(dumpFlows),
    ModifyGroups: unary(modifyGroups),
    DumpGroups: stream(dumpGroups),
    ModifyMeters: unary(modifyMeters),
    DumpMeters: stream(dumpMeters),
    CommitBundle: (call: ServerReadableStream<BundleRequest, object>, callback: sendUnaryData<object>) => {
      const requests = call.iterator({ destroyOnReturn: false }) as AsyncIterable<BundleRequest>;
      const isCancelled = () => call.cancelled;
      reply(commitBundle(requests, client, isCancelled), callback);
    },
    StreamPortStats: stream(streamPortStats),
    StreamTableStats: stream(streamTableStats),
    StreamPorts: stream(streamPorts),
    StreamPacketIns: stream(streamPacketIns),
    PacketOut: unary(packetOut),
    Trace: unary(trace),
    Barrier: unary(barrier),
  };
}

function unaryCall<Q, R>(
  client: Client,
  handle: (request: Q, client: Client) => R | Promise<R>,
): handleUnaryCall<Q, R> {
  return (call, callback) =>
    reply(
      Promise.resolve().then(() => handle(call.request, client)),
      callback,
    );
}

function reply<R>(handled: Promise<R>, callback: sendUnaryData<R>): void {
  handled.then(
    (message) => callback(null, message),
    (error: unknown) => callback(callStatus(error)),
  );
}

function streamCall<Q>(
  client: Client,
  handle: (request: Q, call: Call, ready: () => void) => Promise<void>,
): (call: ServerWritableStream<Q, object>) => void {
  return (call) => {
    const ready = () => call.sendMetadata(new Metadata());
    void finish(
      call,
      Promise.resolve().then(() => handle(call.request, new Call(client, call), ready)),
    );
  };
}

interface EndingStream {
  readonly cancelled: boolean;
  end(): unknown;
  emit(event: 'error', status: object): unknown;
}

/** Ends a stream with the status that its handler came to. */
async function finish(call: EndingStream, handled: Promise<void>): Promise<void> {
  try {
    await handled;
    call.end();
  } catch (error) {
    // A client that went away breaks the loop over its requests.
    if (!call.cancelled) call.emit('error', callStatus(error));
  }
}
