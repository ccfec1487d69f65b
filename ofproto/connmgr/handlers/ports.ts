// Ports, packets out, and the description of the switch.

import { OFPP } from '../../model/actions.ts';
import { OfError } from '../../model/flow-mod.ts';
import { OFP_NO_BUFFER, type PortMod } from '../../model/messages.ts';
import type { PortConfigFlag } from '../../ofproto-api.ts';
import type { Handlers } from './handler.ts';
import { refuseSlave } from './role.ts';

/** What controllers written for Open vSwitch look for in OFPST_DESC. */
const MANUFACTURER = 'Nicira, Inc.';
const HARDWARE = 'Open vSwitch';
const SOFTWARE = '3.1.0';

export const portHandlers: Handlers = {
  packet_out: (session, message) => {
    refuseSlave(session);
    checkPacketOut(message);
    session.switch.ofproto.packetOut(message.out);
  },

  resume: (session, { packetIn }) => session.switch.ofproto.resume(packetIn),

  port_mod: (session, message) => {
    refuseSlave(session);
    session.switch.ofproto.modPort(message.ofPort, message.hwAddr, portChanges(message));
  },

  desc_request: (session, { xid }) => {
    const { serialNumber = 'None', datapath = 'None' } = session.switch.description;
    const desc = { manufacturer: MANUFACTURER, hardware: HARDWARE, software: SOFTWARE, serialNumber, datapath };
    session.send({ type: 'desc_reply', xid, more: false, desc });
  },

  port_desc_request: (session, { xid, ofPort }) => {
    const ports = session.switch.ofproto.portDescs().filter((port) => ofPort === OFPP.ANY || port.ofPort === ofPort);
    session.send({ type: 'port_desc_reply', xid, more: false, ports });
  },
  port_stats_request: (session, { xid, ofPort }) => {
    const ports = session.switch.ofproto.portStats(ofPort === OFPP.ANY ? undefined : ofPort);
    session.send({ type: 'port_stats_reply', xid, more: false, ports });
  },
};

/** Packets are never buffered here: whoever names a buffer made it up. Throws OfError. */
export function checkPacketOut({ bufferId }: { readonly bufferId: number }): void {
  if (bufferId !== OFP_NO_BUFFER) throw new OfError('OFPBRC_BUFFER_UNKNOWN');
}

/** The flags that a port-mod changes. */
export function portChanges({ config, mask }: PortMod): Partial<Record<PortConfigFlag, boolean>> {
  const flags = Object.keys(mask) as PortConfigFlag[];
  return Object.fromEntries(flags.filter((flag) => mask[flag]).map((flag) => [flag, config[flag]]));
}
