// Frames from a seed: every header that the parser knows, whole or cut short, with the checksums that real senders make.
import { executeActions } from './reference/execute.ts';

/** mulberry32: a small PRNG whose whole state is the seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number below `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) % limit;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  bytes(size: number): Buffer {
    return Buffer.from(Array.from({ length: size }, () => this.below(256)));
  }
}

const u16 = (value: number) => Buffer.from([(value >> 8) & 0xff, value & 0xff]);

function l4(random: Random, protocol: number): Buffer {
  const payload = random.bytes(random.below(200));
  if (protocol === 6) {
    const flags = u16((5 << 12) | random.below(0x200));
    return Buffer.concat([random.bytes(12), flags, random.bytes(6), payload]);
  }
  if (protocol === 17)
    return Buffer.concat([random.bytes(4), u16(8 + payload.length), u16(1 + random.below(65535)), payload]);
  if (protocol === 58 && random.below(2) === 0) return neighbourDiscovery(random);
  return Buffer.concat([random.bytes(12), payload]);
}

/** RFC 4861, 4.3 and 4.4, with a link-layer address option or two. */
function neighbourDiscovery(random: Random): Buffer {
  const option = () => Buffer.concat([Buffer.from([1 + random.below(2), 1]), random.bytes(6)]);
  const options = Array.from({ length: random.below(3) }, option);
  return Buffer.concat([Buffer.from([135 + random.below(2), 0]), random.bytes(6), random.bytes(16), ...options]);
}

function ipv4(random: Random): Buffer {
  const options = random.bytes(random.pick([0, 0, 0, 4, 12, 40]));
  const protocol = random.pick([6, 17, 1, 2, 132, 47]);
  const fragment = random.pick([0, 0, 0, 0x4000, 0x2000, 0x2010, 0x0030]);
  const body = l4(random, protocol);
  const header = Buffer.concat([
    Buffer.from([0x40 | (5 + options.length / 4), random.below(256)]),
    u16(20 + options.length + body.length),
    random.bytes(2),
    u16(fragment),
    Buffer.from([random.below(256), protocol]),
    u16(0),
    random.bytes(8),
    options,
  ]);
  return Buffer.concat([u16(0x0800), header, body]);
}

function ipv6(random: Random): Buffer {
  const protocol = random.pick([6, 17, 58, 132, 47, 59]);
  const extensions: Buffer[] = [];
  let next = protocol;
  for (let n = random.below(3); n > 0; n--) {
    const kind = random.pick([0, 43, 44, 60]);
    const rest =
      kind === 44 ? [0, random.below(2), random.pick([0, 1, 0xf8]), ...random.bytes(4)] : [0, ...random.bytes(6)];
    extensions.unshift(Buffer.from([next, ...rest]));
    next = kind;
  }
  const body = Buffer.concat([...extensions, l4(random, protocol)]);
  const header = Buffer.concat([
    Buffer.from([0x60 | random.below(16)]),
    random.bytes(3),
    u16(body.length),
    Buffer.from([next, random.below(256)]),
  ]);
  return Buffer.concat([u16(0x86dd), header, random.bytes(32), body]);
}

function arp(random: Random): Buffer {
  const head = Buffer.from([0, 1, 8, 0, 6, 4, 0, 1 + random.below(4)]);
  return Buffer.concat([u16(random.pick([0x0806, 0x8035])), head, random.bytes(20), Buffer.alloc(18)]);
}

function other(random: Random): Buffer {
  const snap = Buffer.concat([u16(60), Buffer.from([0xaa, 0xaa, 3, 0, 0, 0]), u16(0x0800), random.bytes(52)]);
  return random.pick([
    snap,
    Buffer.concat([u16(46), random.bytes(46)]),
    Buffer.concat([u16(0x88cc), random.bytes(50)]),
  ]);
}

function mpls(random: Random): Buffer {
  const labels = 1 + random.below(5);
  const stack = Array.from({ length: labels }, (_, i) => {
    const entry = random.bytes(4);
    entry[2] = (entry[2]! & 0xfe) | (i === labels - 1 ? 1 : 0);
    return entry;
  });
  return Buffer.concat([u16(random.pick([0x8847, 0x8848])), ...stack, random.bytes(30)]);
}

function nsh(random: Random): Buffer {
  const type = random.pick([1, 1, 2]);
  const metadata = random.bytes(type === 1 ? 16 : 4 * random.below(6));
  const word = (random.below(4) << 12) | (random.below(64) << 6) | ((8 + metadata.length) / 4);
  const base = Buffer.concat([u16(word), Buffer.from([type, 1 + random.below(4)]), random.bytes(4)]);
  return Buffer.concat([u16(0x894f), base, metadata, random.bytes(40)]);
}

/** A sound frame: Ethernet, up to two tags, any of the payloads above, checksums right. */
export function soundFrame(random: Random): Buffer {
  const tag = () => Buffer.concat([u16(random.pick([0x8100, 0x88a8])), random.bytes(2)]);
  const tags = Array.from({ length: random.pick([0, 0, 1, 2]) }, tag);
  const payload = random.pick([ipv4, ipv4, ipv6, ipv6, arp, mpls, nsh, other])(random);
  const frame = Buffer.concat([random.bytes(12), ...tags, payload, Buffer.alloc(random.pick([0, 0, 6]))]);
  let sound = frame;
  // Rewriting nothing makes the reference compute every checksum afresh.
  const nothing = new Uint8Array(12);
  executeActions(
    frame,
    [
      { type: 'set', header: 'eth', value: nothing, mask: nothing },
      { type: 'output', port: 1 },
    ],
    {
      output: (_, bytes) => {
        sound = Buffer.from(bytes);
      },
      userspace: () => {},
    },
  );
  return sound;
}

/** The same, cut short or with bytes changed anywhere behind the addresses. */
export function damagedFrame(random: Random): Buffer {
  const frame = soundFrame(random);
  for (let n = random.below(4); n > 0; n--) frame[12 + random.below(frame.length - 12)] = random.below(256);
  return frame.subarray(0, Math.max(14, frame.length - (random.below(2) === 0 ? random.below(frame.length) : 0)));
}
