// PacketOut, Trace and Barrier.

import type { DpAction } from '../../../datapath/dpif.ts';
import { UserError } from '../../../lib/errors.ts';
import { OFPP } from '../../../ofproto/model/actions.ts';
import type { PacketOut } from '../../../ofproto/model/flow-mod.ts';
import type { OfprotoApi, Trace } from '../../../ofproto/ofproto-api.ts';
import type { Names } from '../../../ofproto/text/ports.ts';
import { type Client, findBridge } from '../call.ts';
import { portNames } from '../context.ts';
import { actionsOf } from '../convert/actions.ts';
import { shortText } from '../convert/values.ts';
import type { BridgeRequest, DatapathActionMessage, PacketOutRequest, TraceReply, TraceRequest } from '../messages.ts';

const PACKET_MAX = 0xffff;

export function packetOut(request: PacketOutRequest, client: Client): object {
  const bridge = findBridge(client, request.bridge);
  bridge.packetOut(packetOutOf(request, portNames(bridge)));
  return {};
}

/** Throws UserError, OfError. */
export function packetOutOf({ inPort = OFPP.CONTROLLER, packet, actions }: PacketOutRequest, names: Names): PacketOut {
  return { inPort, packet: checkedPacket(packet), actions: actionsOf(actions, names) };
}

function checkedPacket(packet: Uint8Array): Uint8Array {
  if (packet.length > PACKET_MAX) throw new UserError(`packet has more than ${PACKET_MAX} bytes`);
  return packet;
}

export function trace({ bridge: name, flowText, packet }: TraceRequest, client: Client): TraceReply {
  const bridge = findBridge(client, name);
  const traced = bridge.explain({
    flow: shortText(flowText),
    ...(packet.length === 0 ? {} : { packet: checkedPacket(packet) }),
  });
  const { text, megaflow, error = '' } = traced;
  return { text, megaflow, actions: datapathActions(traced.actions, traced, bridge), error };
}

function datapathActions(actions: readonly DpAction[], traced: Trace, bridge: OfprotoApi): DatapathActionMessage[] {
  return actions.map((action) => ({ text: traced.actionText(action), ...kindOf(action, traced, bridge) }));
}

function kindOf(action: DpAction, traced: Trace, bridge: OfprotoApi): Partial<DatapathActionMessage> {
  switch (action.type) {
    case 'output':
      return { output: { odpPort: action.port, name: portName(bridge, action.port) } };
    case 'userspace':
      return { userspace: { maxLen: action.maxLen } };
    case 'push_vlan':
      return { pushVlan: { tpid: action.tpid, vid: action.tci & 0xfff, pcp: action.tci >> 13 } };
    case 'pop_vlan':
      return { popVlan: {} };
    case 'set':
      return { set: { header: action.header, value: action.value, mask: action.mask } };
    case 'trunc':
      return { trunc: action.maxLen };
    case 'clone':
      return { clone: { actions: datapathActions(action.actions, traced, bridge) } };
    case 'hash':
      return { hash: { algorithm: action.algorithm, basis: action.basis } };
    case 'recirc':
      return { recirc: action.id };
    default:
      // Its text says it.
      return {};
  }
}

function portName(bridge: OfprotoApi, odpPort: number): string {
  return bridge.ports().find(({ device }) => device?.odpPort === odpPort)?.name ?? '';
}

export async function barrier({ bridge: name }: BridgeRequest, client: Client): Promise<object> {
  await findBridge(client, name).barrier();
  return {};
}
