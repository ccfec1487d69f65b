// What a message handler is. Handlers throw OfError to refuse; the caller answers with the error and the request.

import type { OfMessageOf, OfType } from '../../model/messages.ts';
import type { Session } from '../session.ts';

/**
 * Messages of a connection are handled in order: while the returned promise is pending, the next one waits. `bytes` is
 * the message as it came.
 */
export type Handler<T extends OfType> = (
  session: Session,
  message: OfMessageOf<T>,
  bytes: Uint8Array,
) => void | Promise<void>;

/** Handlers by message type; a type without one is refused with OFPBRC_BAD_TYPE. */
export type Handlers = { readonly [T in OfType]?: Handler<T> };
