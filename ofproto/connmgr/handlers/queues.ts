// Queues of ports: configuration and statistics. Only dummy ports have one, queue 0, which counts nothing, as in Open
// vSwitch.

import { OFPP } from '../../model/actions.ts';
import { OfError } from '../../model/flow-mod.ts';
import { OFP10_VERSION, OFP14_VERSION } from '../../model/messages.ts';
import type { OfPort } from '../../ofproto-api.ts';
import { OFPQ_ALL } from '../../wire/index.ts';
import type { Session } from '../session.ts';
import type { Handlers } from './handler.ts';

interface PortQueue {
  readonly ofPort: number;
  readonly queueId: number;
}

const queuesOf = ({ device, ofPort }: OfPort): PortQueue[] =>
  device?.type === 'dummy' ? [{ ofPort, queueId: 0 }] : [];

/** The queues that a request names. Throws OfError OFPQOFC_*. */
function wantedQueues(session: Session, ofPort: number, queueId: number): PortQueue[] {
  const ports = session.switch.ofproto.ports().filter((port) => ofPort === OFPP.ANY || port.ofPort === ofPort);
  if (ports.length === 0 && ofPort !== OFPP.ANY) throw new OfError('OFPQOFC_BAD_PORT');
  const queues = ports.flatMap(queuesOf).filter((queue) => queueId === OFPQ_ALL || queue.queueId === queueId);
  if (queues.length === 0 && queueId !== OFPQ_ALL) throw new OfError('OFPQOFC_BAD_QUEUE');
  return queues.sort((a, b) => a.ofPort - b.ofPort);
}

const UNKNOWN = { txBytes: -1n, txPackets: -1n, txErrors: -1n, durationMs: -1 } as const;

export const queueHandlers: Handlers = {
  queue_stats_request: (session, { xid, ofPort, queueId }) => {
    const queues = wantedQueues(session, ofPort, queueId).map((queue) => ({ ...queue, ...UNKNOWN }));
    session.send({ type: 'queue_stats_reply', xid, more: false, queues });
  },

  queue_config_request: (session, { xid, ofPort, queueId }) => {
    // Up to 1.3 only real ports have queues to configure; "any" came with 1.1.
    const any = ofPort === OFPP.ANY && session.version !== OFP10_VERSION;
    if (session.version < OFP14_VERSION && ofPort >= OFPP.MAX && !any) throw new OfError('OFPQOFC_BAD_PORT');
    const queues = wantedQueues(session, ofPort, queueId);
    session.send({ type: 'queue_config_reply', xid, more: false, ofPort, queues });
  },
};
