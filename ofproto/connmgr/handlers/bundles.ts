// Bundle messages: collecting changes, and making them all at once. What a kind of message does in a bundle is an entry of
// BUNDLED; one that a bundle cannot hold has none.

import { type FlowMod, OfError } from '../../model/flow-mod.ts';
import type { BundleControl, BundleControlType, OfMessage, OfMessageOf, OfType } from '../../model/messages.ts';
import type { ChangeOrigin } from '../../tables/flow-tables.ts';
import type { Rule } from '../../tables/rule.ts';
import { decodeMessage } from '../../wire/index.ts';
import type { Bundle, BundleEntry } from '../bundles.ts';
import type { Session } from '../session.ts';
import type { Handlers } from './handler.ts';
import { checkPacketOut, portChanges } from './ports.ts';
import { refuseSlave } from './role.ts';

const OFPBF_ATOMIC = 1;

/** Where a message of a bundle is. */
interface BundleContext {
  readonly session: Session;
  readonly flags: number;
}

/** Checks a message as far as possible now and returns what it will do. Both throw OfError. */
type Prepare<T extends OfType> = (context: BundleContext, message: OfMessageOf<T>) => BundleEntry;

/** A flow to add, and who wants it: of a bundle's flow-mods most are adds, and nothing else is kept of them. */
class FlowAddition implements BundleEntry, ChangeOrigin {
  readonly conn: Session;
  readonly xid: number;
  readonly #rule: Rule;

  constructor(session: Session, rule: Rule, xid: number) {
    this.conn = session;
    this.xid = xid;
    this.#rule = rule;
  }

  apply(): void {
    this.conn.switch.ofproto.addFlow(this.#rule, this);
  }
}

function flowChange(session: Session, mod: FlowMod, xid: number): BundleEntry {
  return { apply: () => session.switch.ofproto.flowMod(mod, { conn: session, xid }) };
}

/** What is done here is undone by Transaction when a later message fails, so it has to be noted there. */
const BUNDLED: { readonly [T in OfType]?: Prepare<T> } = {
  flow_mod: ({ session }, { xid, mod }) => {
    const rule = session.switch.ofproto.prepareFlow(mod);
    return rule ? new FlowAddition(session, rule, xid) : flowChange(session, mod, xid);
  },

  // What a group-mod can do depends on those before it.
  group_mod: ({ session }, message) => ({
    apply: () => session.switch.ofproto.resources.groupMod(message.mod),
    applied: () => session.forward(message),
  }),

  packet_out: ({ session }, message) => {
    checkPacketOut(message);
    return { apply: () => session.switch.ofproto.packetOut(message.out) };
  },

  port_mod: ({ session, flags }, message) => ({
    apply: () => {
      // A port takes effect at once, which is not undone: only bundles that do not ask for that may have it.
      if (flags & OFPBF_ATOMIC) throw new OfError('OFPBFC_MSG_FAILED');
      session.switch.ofproto.modPort(message.ofPort, message.hwAddr, portChanges(message));
    },
  }),
};

export const bundleHandlers: Handlers = {
  bundle_control: (session, message, bytes) => {
    refuseSlave(session);
    const control = CONTROLS[message.control];
    if (!control) throw new OfError('OFPBFC_BAD_TYPE');
    const { bundleId, xid } = message;
    control.run(session, message, bytes);
    // Flags are said in requests only.
    session.send({ type: 'bundle_control', xid, bundleId, control: control.reply, flags: 0 });
  },

  bundle_add: (session, { bundleId, flags, bytes: inner }, request) => {
    refuseSlave(session);
    const { tlvTable } = session.switch;
    const state = { flowModTableId: false, tunMetadata: tlvTable.fields };
    const message = tlvTable.resolve(decodeMessage(inner, state));
    const prepare = BUNDLED[message.type] as Prepare<OfType> | undefined;
    if (!prepare) throw new OfError('OFPBFC_MSG_UNSUP');
    session.bundles.add(bundleId, flags, prepare({ session, flags }, message as OfMessage), request);
  },
};

interface Control {
  readonly reply: BundleControlType;
  run(session: Session, message: BundleControl, bytes: Uint8Array): void;
}

const CONTROLS: { readonly [T in BundleControlType]?: Control } = {
  open_request: {
    reply: 'open_reply',
    run: (session, { bundleId, flags }, bytes) => session.bundles.open(bundleId, flags, bytes),
  },
  close_request: {
    reply: 'close_reply',
    run: (session, { bundleId, flags }) => session.bundles.close(bundleId, flags),
  },
  commit_request: {
    reply: 'commit_reply',
    run: (session, { bundleId, flags }) => commit(session, session.bundles.take(bundleId, flags)),
  },
  discard_request: {
    reply: 'discard_reply',
    run: (session, { bundleId }) => session.bundles.discard(bundleId),
  },
};

/** Throws OfError OFPBFC_MSG_FAILED after the error of the message that failed was sent. */
function commit(session: Session, { entries, requests }: Bundle): void {
  session.switch.ofproto.atomically(() => {
    for (let index = 0; index < entries.length; index++) {
      try {
        entries[index]!.apply();
      } catch (error) {
        if (!(error instanceof OfError)) throw error;
        session.refuse(requests.at(index), error.code);
        throw new OfError('OFPBFC_MSG_FAILED');
      }
    }
  });
  for (const entry of entries) entry.applied?.();
}
