// Messages in another version than the connection's. Open vSwitch takes those that all versions have alike (echo), and
// answers in the version that was asked in.

import { OfError } from '../model/flow-mod.ts';
import type { Session } from './session.ts';

const OFPT_ECHO_REQUEST = 2;
const OFPT_ECHO_REPLY = 3;

/** Answers one such message. Throws the OfError to answer with. */
export function handleOtherVersion(session: Session, bytes: Uint8Array): void {
  const [version, type = 0] = bytes;
  if (version === 0 || type > OFPT_ECHO_REPLY) throw new OfError('OFPBRC_BAD_VERSION');
  // A hello and an error are nothing to send to a switch, in any version.
  if (type < OFPT_ECHO_REQUEST) throw new OfError('OFPBRC_BAD_TYPE');
  if (type === OFPT_ECHO_REPLY) return;
  const reply = bytes.slice();
  reply[1] = OFPT_ECHO_REPLY;
  session.output.send(reply);
}
