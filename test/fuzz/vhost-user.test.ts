// vhost-user messages: headers and payloads of any bytes.
import { describe, it } from 'vitest';
import * as protocol from '../../datapath/port/vhost-user/protocol.ts';
import { ProtocolError } from '../../lib/errors.ts';
import { fuzz, mutateBytes, survives } from '../support/fuzz.ts';

const DECODERS: readonly ((payload: Uint8Array, fdCount: number) => unknown)[] = [
  protocol.decodeEmpty,
  protocol.decodeU64,
  protocol.decodeVringState,
  protocol.decodeVringNum,
  protocol.decodeVringBase,
  protocol.decodeVringAddr,
  protocol.decodeVringFd,
  protocol.decodeMemTable,
  protocol.decodeMemReg,
];
/** Sizes that some request takes, and edges around them. */
const SIZES = [0, 1, 7, 8, 9, 40, 48, 8 + 32, 8 + 64, 8 + 8 * 32, 8 + 9 * 32, 4096];

describe('vhost-user', () => {
  it('headers and payloads decode, or give ProtocolError', () =>
    fuzz((random) => {
      const header = mutateBytes(random, protocol.encodeReply(random.below(45), new Uint8Array(0)), random.bytes(12));
      const whole = new Uint8Array(protocol.HEADER_SIZE);
      whole.set(header.subarray(0, whole.length));
      survives(() => protocol.decodeHeader(whole), ProtocolError);
      const zeros = random.below(2) === 0;
      const size = random.pick(SIZES);
      const payload = mutateBytes(random, zeros ? new Uint8Array(size) : random.bytes(size), random.bytes(8));
      const fdCount = random.below(10);
      for (const decode of DECODERS) survives(() => decode(payload, fdCount), ProtocolError);
    }));
});
