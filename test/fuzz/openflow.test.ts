// OpenFlow messages of all versions, mutated from real ones: decoding, printing, encoding again, and a switch that is
// sent them.
import { describe, expect, it } from 'vitest';
import { Reader } from '../../lib/cursors.ts';
import { ProtocolError } from '../../lib/errors.ts';
import { ASYNC_DEFAULT } from '../../ofproto/connmgr/async-config.ts';
import { handlers } from '../../ofproto/connmgr/handlers/index.ts';
import { Session, type SessionOutput } from '../../ofproto/connmgr/session.ts';
import { SwitchState } from '../../ofproto/connmgr/switch-state.ts';
import { OfError } from '../../ofproto/model/flow-mod.ts';
import type { OfMessage } from '../../ofproto/model/messages.ts';
import { decodeActions } from '../../ofproto/wire/actions.ts';
import { canEncode, decodeMessage, encodeMessage, VERSIONS } from '../../ofproto/wire/index.ts';
import { decodeInstructions } from '../../ofproto/wire/instructions.ts';
import { decodeOxm } from '../../ofproto/wire/oxm.ts';
import { formatMessage } from '../../src/cli/ofctl/print-message.ts';
import { fuzz, mutateBytes, survives } from '../support/fuzz.ts';
import type { Random } from '../support/random-frames.ts';
import { SwitchFixture } from '../support/switch-fixture.ts';
import { VECTORS } from '../unit/ofproto/wire/vectors.ts';
import { VECTORS_11_TO_15 } from '../unit/ofproto/wire/vectors-versions.ts';

const CORPUS = [...VECTORS, ...VECTORS_11_TO_15].map(({ hex }) => new Uint8Array(Buffer.from(hex, 'hex')));

/** A mutated message; mostly with a length and a version that are right. */
function message(random: Random): Uint8Array {
  const bytes = mutateBytes(random, random.pick(CORPUS), random.pick(CORPUS));
  if (bytes.length < 8) return bytes;
  if (random.below(8) > 0) new DataView(bytes.buffer).setUint16(2, bytes.length);
  if (random.below(4) === 0) bytes[0] = random.pick(VERSIONS);
  return bytes;
}

/** Decodes; undefined for a message that is refused. */
function decoded(bytes: Uint8Array): OfMessage | undefined {
  let found: OfMessage | undefined;
  survives(() => {
    found = decodeMessage(bytes);
  }, OfError);
  return found;
}

/** Just enough of a connection: what is sent is encoded and dropped. */
const OUTPUT: SessionOutput = {
  send: () => {},
  congested: false,
  open: true,
  drained: async () => {},
  limitPacketIn: (_kind, _inPort, send) => send(),
};

function newSession(version: number, fixture: SwitchFixture): Session {
  const state = new SwitchState(fixture.br0, () => {});
  const options = { version, isService: true, asyncConfig: ASYNC_DEFAULT, clock: fixture.clock };
  return new Session(state, OUTPUT, options);
}

describe('OpenFlow', () => {
  it('decodes, prints and encodes anything without failing but with OfError', () =>
    fuzz((random) => {
      const bytes = message(random);
      const found = decoded(bytes);
      if (!found) return;
      const version = bytes[0]!;
      expect(formatMessage(found, version).length).toBeGreaterThan(0);
      if (!canEncode(found, version)) return;
      for (const part of encodeMessage(found, version)) decoded(part);
    }));

  it('reads matches, actions and instructions alone', () =>
    fuzz((random) => {
      const whole = random.pick(CORPUS);
      const start = 8 * random.below(Math.ceil(whole.length / 8));
      const bytes = mutateBytes(random, whole.slice(start), random.pick(CORPUS));
      const version = random.pick(VERSIONS);
      const refusals = [OfError, ProtocolError] as const;
      survives(() => decodeOxm(new Reader(bytes, 'OFPBMC_BAD_LEN')), ...refusals);
      survives(() => decodeActions(new Reader(bytes, 'OFPBAC_BAD_LEN'), version), ...refusals);
      survives(() => decodeInstructions(new Reader(bytes, 'OFPBIC_BAD_LEN'), version), ...refusals);
    }));

  it('a switch takes or refuses what it is sent', async () => {
    let fixture = new SwitchFixture();
    let sessions = new Map<number, Session>();
    let steps = 0;
    await fuzz(async (random) => {
      if (++steps % 400 === 0) {
        for (const session of sessions.values()) session.stop();
        [fixture, sessions] = [new SwitchFixture(), new Map()];
      }
      const bytes = message(random);
      const version = bytes[0] ?? 0;
      const found = bytes.length < 8 ? undefined : decoded(bytes);
      const handler = found && (handlers[found.type] as ((...args: unknown[]) => void | Promise<void>) | undefined);
      // A barrier waits for the slow path, which stands still here.
      if (!handler || found.type === 'barrier_request') return;
      if (!sessions.has(version)) sessions.set(version, newSession(version, fixture));
      try {
        await handler(sessions.get(version), found, bytes);
      } catch (error) {
        if (!(error instanceof OfError)) throw error;
      }
    });
  });
});
