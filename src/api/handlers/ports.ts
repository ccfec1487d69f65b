// ListBridges and StreamPorts.

import type { OfPortDesc } from '../../../ofproto/model/flow-mod.ts';
import type { OfprotoApi } from '../../../ofproto/ofproto-api.ts';
import { type Call, type Client, findBridge } from '../call.ts';
import { CallError } from '../errors.ts';
import type { PortsEvent, PortsRequest } from '../messages.ts';

const CHANGES_MAX = 1024;
const EVENTS = { add: 'ADD', delete: 'DELETE', modify: 'MODIFY' } as const;

export function listBridges(_request: object, client: Client): object {
  const bridges = client.switch.bridges();
  return { bridges: bridges.map(({ name, datapathId }) => ({ name, datapathId: String(datapathId) })) };
}

export async function streamPorts({ bridge: name, watch }: PortsRequest, call: Call): Promise<void> {
  const bridge = findBridge(call.client, name);
  const isTaken = call.send(portsReply('CURRENT', bridge.portDescs()));
  if (watch) await streamChanges(bridge, call, isTaken);
}

/** Ends with the call, by throwing when the bridge goes or too many changes wait. */
function streamChanges(bridge: OfprotoApi, call: Call, isTaken: boolean): Promise<void> {
  const waiting: object[] = [];
  let isReady = isTaken;
  const pump = (): void => {
    while (isReady && waiting.length > 0) isReady = call.send(waiting.shift()!);
    if (!isReady && !call.ended) void call.drained().then(resume);
  };
  const resume = () => {
    isReady = true;
    pump();
  };
  return new Promise<void>((resolve, reject) => {
    const unsubscribe = bridge.subscribe({
      packetIn: () => {},
      flowRemoved: () => {},
      portStatus: (reason, desc) => {
        if (waiting.length >= CHANGES_MAX) reject(new CallError('RESOURCE_EXHAUSTED', 'port changes were not read'));
        waiting.push(portsReply(EVENTS[reason], [desc]));
        if (isReady) pump();
      },
      closed: () => reject(new CallError('NOT_FOUND', `bridge "${bridge.name}" is gone`)),
    });
    call.onEnd(() => {
      unsubscribe();
      resolve();
    });
    if (!isReady) pump();
  });
}

function portsReply(event: PortsEvent, descs: readonly OfPortDesc[]): object {
  return { event, ports: descs.map(({ ofPort, ...desc }) => ({ portNo: ofPort, ...desc })) };
}
