// CommitBundle: changes that are collected, checked as far as they can be, and carried out together or not at all, as
// connmgr/handlers/bundles.ts does for OpenFlow.

import { UserError } from '../../../lib/errors.ts';
import { inSlices } from '../../../lib/slices.ts';
import type { OfprotoApi } from '../../../ofproto/ofproto-api.ts';
import type { Names } from '../../../ofproto/text/ports.ts';
import { type Client, findBridge } from '../call.ts';
import { portNames } from '../context.ts';
import { groupModOf } from '../convert/groups.ts';
import { CallError, flowError } from '../errors.ts';
import type { BundleReply, BundleRequest, ChangeMessage } from '../messages.ts';
import { checkedFlowMod } from './flows.ts';
import { packetOutOf } from './packets.ts';

/** Of all the bundles that a connection fills at a time. */
const BYTES_MAX = 64 * 1024 * 1024;
/** As long as Open vSwitch keeps a bundle that nothing is added to. */
const IDLE_TIMEOUT_MS = 10_000;
/** What a message costs besides its bytes and its text. */
const MEMBER_BYTES = 8;

/** Throws CallError, UserError. */
export async function commitBundle(
  requests: AsyncIterable<BundleRequest>,
  client: Client,
  isCancelled: () => boolean,
): Promise<BundleReply> {
  const bundle = new Bundle(client);
  try {
    // What comes after a change that was refused is read and forgotten: the client hears of it when it has said all.
    for await (const request of withoutPause(requests, client)) await bundle.take(request);
    return isCancelled() ? {} : bundle.commit();
  } finally {
    bundle.close();
  }
}

/** Throws CallError DEADLINE_EXCEEDED when the client says nothing for too long. */
async function* withoutPause<T>(requests: AsyncIterable<T>, { switch: { clock } }: Client): AsyncGenerator<T> {
  const iterator = requests[Symbol.asyncIterator]();
  for (;;) {
    const next = iterator.next();
    // Whoever gives up waiting must not leave a failure of the stream unseen.
    next.catch(() => {});
    let cancelTimer = () => {};
    const tooLong = new Promise<never>((_, reject) => {
      const message = `nothing was added to the bundle in ${IDLE_TIMEOUT_MS / 1000} s`;
      cancelTimer = clock.after(IDLE_TIMEOUT_MS, () => reject(new CallError('DEADLINE_EXCEEDED', message)));
    });
    const result = await Promise.race([next, tooLong]).finally(cancelTimer);
    if (result.done) return;
    yield result.value;
  }
}

class Bundle {
  readonly #client: Client;
  #bridge: OfprotoApi | undefined;
  #names: Names = {};
  #changes: (() => void)[] = [];
  #bytes = 0;
  #count = 0;
  #failed: BundleReply | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  async take({ bridge: name, changes }: BundleRequest): Promise<void> {
    const bridge = this.#bridgeOf(name);
    await inSlices(changes, (change) => this.#add(bridge, change));
  }

  commit(): BundleReply {
    if (this.#failed) return this.#failed;
    const bridge = this.#bridge;
    if (!bridge) return {};
    // It may have gone, and another of its name have come.
    if (findBridge(this.#client, bridge.name) !== bridge) {
      throw new CallError('NOT_FOUND', `bridge "${bridge.name}" went away`);
    }
    let at = 0;
    try {
      bridge.atomically(() => {
        for (at = 0; at < this.#changes.length; at++) this.#changes[at]!();
      });
      return {};
    } catch (error) {
      return { error: flowError(error), failedChange: at };
    }
  }

  close(): void {
    this.#client.bundleBytes -= this.#bytes;
    this.#bytes = 0;
    this.#changes = [];
  }

  #bridgeOf(name: string): OfprotoApi {
    if (!this.#bridge) {
      this.#bridge = findBridge(this.#client, name);
      this.#names = portNames(this.#bridge);
    }
    if (name !== '' && name !== this.#bridge.name) throw new UserError('a bundle is for one bridge');
    return this.#bridge;
  }

  #add(bridge: OfprotoApi, message: ChangeMessage): void {
    const index = this.#count++;
    if (this.#failed) return;
    this.#charge(sizeOf(message));
    try {
      this.#changes.push(prepared(bridge, message, this.#names));
    } catch (error) {
      this.#failed = { error: flowError(error), failedChange: index };
      this.close();
    }
  }

  #charge(bytes: number): void {
    if (this.#client.bundleBytes + bytes > BYTES_MAX) {
      throw new CallError('RESOURCE_EXHAUSTED', `bundles of more than ${BYTES_MAX} bytes on this connection`);
    }
    this.#client.bundleBytes += bytes;
    this.#bytes += bytes;
  }
}

/** What a change will do, checked as far as it can be before those in front of it are made. Throws UserError, OfError. */
function prepared(bridge: OfprotoApi, message: ChangeMessage, names: Names): () => void {
  if (message.flowMod) {
    const mod = checkedFlowMod(message.flowMod, names);
    const rule = bridge.prepareFlow(mod);
    return rule ? () => bridge.addFlow(rule) : () => bridge.flowMod(mod);
  }
  if (message.groupMod) {
    const mod = groupModOf(message.groupMod, names);
    return () => bridge.resources.groupMod(mod);
  }
  if (message.packetOut) {
    const { bridge: name } = message.packetOut;
    if (name !== '' && name !== bridge.name) throw new UserError('a bundle is for one bridge');
    const out = packetOutOf(message.packetOut, names);
    return () => bridge.packetOut(out);
  }
  throw new UserError('a change says nothing');
}

/** About what a message occupies; messages nest no deeper than the protobuf decoder lets them. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return MEMBER_BYTES + value.length;
  if (value instanceof Uint8Array) return MEMBER_BYTES + value.length;
  if (typeof value !== 'object' || value === null) return MEMBER_BYTES;
  return Object.values(value).reduce<number>((sum, member) => sum + sizeOf(member), MEMBER_BYTES);
}
