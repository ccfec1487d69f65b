// hash and recirc on the real datapath: what comes back, with which key, and how often.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Dpif, SET_LAYOUT, type UpcallVerdict } from '../../datapath/dpif.ts';
import * as K from '../../datapath/layout/flow-key.ts';
import { startDummyPair } from '../support/built-datapath.ts';
import { Random, soundFrame } from '../support/random-frames.ts';
import { referenceHash } from '../support/reference/hash.ts';

const SEED = Number(process.env['WEFT_SEED'] ?? 20261121);
const IN = 1;
const OUT = 2;

let dpif: Dpif;
let sent: string[] = [];
/** Keys that came up as misses. */
let missed: Buffer[] = [];
let verdict: () => UpcallVerdict = () => ({ actions: [] });

beforeAll(async () => {
  dpif = await startDummyPair((frame) => sent.push(frame.toString('hex')));
  dpif.setUpcallSink((upcall) => {
    missed.push(Buffer.from(upcall.key.slice(0, K.KEY_SIZE)));
    return verdict();
  });
});

beforeEach(() => {
  for (const flow of [...dpif.flows()]) dpif.flowDel(flow);
  sent = [];
  missed = [];
  verdict = () => ({ actions: [] });
});

afterAll(() => dpif.close());

async function settled(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function word(key: Uint8Array, offset: number): number {
  return new DataView(key.buffer, key.byteOffset).getUint32(offset);
}

/** Key and mask of recirculated packets from IN with this id, and with these bits of dp_hash. */
function recirculated(id: number, dpHash = 0, bits = 0): { key: Buffer; mask: Buffer } {
  const [key, mask] = [Buffer.alloc(K.KEY_SIZE), Buffer.alloc(K.KEY_SIZE)];
  for (const [offset, value] of [
    [K.KEY_IN_PORT, IN],
    [K.KEY_RECIRC_ID, id],
  ] as const) {
    key.writeUInt32BE(value, offset);
    mask.writeUInt32BE(0xffffffff, offset);
  }
  key.writeUInt32BE((dpHash & bits) >>> 0, K.KEY_DP_HASH);
  mask.writeUInt32BE(bits, K.KEY_DP_HASH);
  return { key, mask };
}

const recirculations = () => dpif.pmdStats().reduce((sum, pmd) => sum + pmd.recirculations, 0n);
const depthDrops = () => dpif.pmdStats().reduce((sum, pmd) => sum + pmd.drops['recirc-depth']!, 0n);

describe('hash', () => {
  it(`equals the reference (seed ${SEED})`, async () => {
    const random = new Random(SEED);
    for (let i = 0; i < 200; i++) {
      const frame = soundFrame(random);
      for (const algorithm of ['l4', 'sym_l4'] as const) {
        const basis = random.below(3);
        missed = [];
        dpif.execute(frame, IN, [
          { type: 'hash', algorithm, basis },
          { type: 'recirc', id: 9 },
        ]);
        await settled();
        const text = `case ${i}: ${algorithm}(${basis}) of ${frame.toString('hex')}`;
        expect(missed, text).toHaveLength(1);
        expect(word(missed[0]!, K.KEY_DP_HASH), text).toBe(referenceHash(frame, algorithm, basis));
      }
    }
  });

  it('equals Open vSwitch', () => {
    // TCP from port 1 to port 2 of 10.0.0.1 and 10.0.0.2, and of fe80::1 and fe80:1::2.
    const ethernet = '000000000001000000000002';
    const segment = '00010002000000000000000050020000'.padEnd(40, '0');
    const tcp = Buffer.from(`${ethernet}0800450000280000000040060000${'0a0000010a000002'}${segment}`, 'hex');
    expect(referenceHash(tcp, 'sym_l4', 0)).toBe(0x78a08770);
    expect(referenceHash(tcp, 'sym_l4', 7)).toBe(0x80ddb28a);
    expect(referenceHash(tcp, 'l4', 0)).toBe(0xfbe73382);
    expect(referenceHash(tcp, 'l4', 7)).toBe(0x0470d525);
    const addresses = `fe80${'1'.padStart(28, '0')}fe800001${'2'.padStart(24, '0')}`;
    const tcp6 = Buffer.from(`${ethernet}86dd6000000000140640${addresses}${segment}`, 'hex');
    expect(referenceHash(tcp6, 'sym_l4', 0)).toBe(0x8c1e39b2);
    expect(referenceHash(tcp6, 'l4', 7)).toBe(0xeb681788);
    // TCP in a first fragment.
    const fragment = `${'20010db8000100000000000000000001'}fe8000000000000002${'1'.padStart(14, '0')}0600000130270df6`;
    const ports = '04009c404ac39422fca4eb9f50122481f5a90000';
    const first = Buffer.from(`${ethernet}86dd60000000001c2cff${fragment}${ports}`, 'hex');
    expect(referenceHash(first, 'l4', 0)).toBe(0xe0394766);
    // GRE from 10.0.0.1 to 224.0.0.1: no ports count. ARP of other hardware: nothing does.
    const gre = Buffer.from(`${ethernet}08004500001400000000402f0000${'0a000001e0000001'}`, 'hex');
    expect(referenceHash(gre, 'l4', 0)).toBe(0xd01e3a2b);
    const arp = Buffer.from(`${ethernet}0806${'0001080008040009'.padEnd(56, '0')}`, 'hex');
    expect(referenceHash(arp, 'l4', 0)).toBe(0xd0d54a56);
    // RARP's addresses do not count, nor does what is behind a label.
    const rarp = Buffer.from(`${ethernet}8035${'00010800060400010000000000'}0e0a000001000000000000c0a80101`, 'hex');
    expect(referenceHash(rarp, 'l4', 0)).toBe(0x15d7a4ff);
    expect(referenceHash(rarp, 'l4', 5)).toBe(0x0f12ddc2);
    const labelled = Buffer.from(`${ethernet}884700064140${tcp.toString('hex', 14)}`, 'hex');
    expect(referenceHash(labelled, 'l4', 0)).toBe(0x15d7a4ff);
  });
});

describe('recirc', () => {
  it('asks with recirc_id and dp_hash, and runs the answer', async () => {
    const frame = soundFrame(new Random(3));
    verdict = () => ({ actions: [{ type: 'output', port: OUT }] });
    dpif.execute(frame, IN, [
      { type: 'hash', algorithm: 'l4', basis: 0 },
      { type: 'recirc', id: 0x1234 },
    ]);
    await settled();
    expect(missed.map((key) => word(key, K.KEY_RECIRC_ID))).toEqual([0x1234]);
    expect(sent).toEqual([frame.toString('hex')]);
  });

  it('finds the flow with these bits of the hash', async () => {
    const frame = soundFrame(new Random(4));
    const hash = referenceHash(frame, 'sym_l4', 0);
    const right = dpif.flowPut({ ...recirculated(5, hash, 0xf), actions: [{ type: 'output', port: OUT }] })!;
    const wrong = dpif.flowPut({ ...recirculated(5, hash ^ 1, 0xf), actions: [] })!;
    const before = recirculations();
    dpif.execute(frame, IN, [
      { type: 'hash', algorithm: 'sym_l4', basis: 0 },
      { type: 'recirc', id: 5 },
    ]);
    await settled();
    expect(sent).toHaveLength(1);
    expect([right.stats().packets, wrong.stats().packets]).toEqual([1n, 0n]);
    expect(recirculations() - before).toBe(1n);
  });

  it('has the hash l4 of the packet as it came, before other actions changed it', async () => {
    const header = '00000000000100000000000208004500002800000000400600000a0000010a000002';
    const frame = Buffer.from(`${header}${'000100020000000000000000500200'.padEnd(40, '0')}`, 'hex');
    const value = new Uint8Array(SET_LAYOUT.ipv4);
    const mask = new Uint8Array(SET_LAYOUT.ipv4);
    value.set([9, 9, 9, 9]);
    mask.fill(0xff, 0, 4);
    dpif.execute(frame, IN, [
      { type: 'set', header: 'ipv4', value, mask },
      { type: 'hash', algorithm: 'l4', basis: 0 },
      { type: 'recirc', id: 9 },
    ]);
    await settled();
    expect(word(missed[0]!, K.KEY_NW_SRC)).toBe(0x09090909);
    expect(word(missed[0]!, K.KEY_DP_HASH)).toBe(referenceHash(frame, 'l4', 0));
  });

  it('parses the packet as the actions left it, and goes on behind the recirculation', async () => {
    const frame = soundFrame(new Random(5));
    dpif.execute(frame, IN, [
      { type: 'push_vlan', tpid: 0x8100, tci: 0x1007 },
      { type: 'recirc', id: 6 },
      { type: 'pop_vlan' },
      { type: 'output', port: OUT },
    ]);
    await settled();
    expect(word(missed[0]!, K.KEY_VLAN0_TPID)).toBe(0x81001007);
    expect(sent).toEqual([frame.toString('hex')]);
  });

  it('keeps pkt_mark and skb_priority', async () => {
    const value = (n: number) => Buffer.from([0, 0, 0, n]);
    const mask = Buffer.alloc(4, 0xff);
    dpif.execute(soundFrame(new Random(6)), IN, [
      { type: 'set', header: 'pkt_mark', value: value(7), mask },
      { type: 'set', header: 'skb_priority', value: value(9), mask },
      { type: 'recirc', id: 6 },
    ]);
    await settled();
    expect([word(missed[0]!, K.KEY_PKT_MARK), word(missed[0]!, K.KEY_SKB_PRIORITY)]).toEqual([7, 9]);
  });

  it('stops a packet that goes round for ever', async () => {
    dpif.flowPut({ ...recirculated(8), actions: [{ type: 'recirc', id: 8 }] });
    const [turns, drops] = [recirculations(), depthDrops()];
    dpif.execute(soundFrame(new Random(7)), IN, [{ type: 'recirc', id: 8 }]);
    await settled();
    expect([recirculations() - turns, depthDrops() - drops]).toEqual([6n, 1n]);
  });

  it('stops it too when every turn asks the slow path', async () => {
    verdict = () => ({ actions: [{ type: 'recirc', id: 8 }] });
    const drops = depthDrops();
    dpif.execute(soundFrame(new Random(7)), IN, [{ type: 'recirc', id: 8 }]);
    await expect.poll(() => depthDrops() - drops).toBe(1n);
    expect(missed).toHaveLength(6);
  });

  it('lets packets from no port come back', async () => {
    verdict = () => ({ actions: [{ type: 'output', port: OUT }] });
    dpif.execute(soundFrame(new Random(8)), 0xffffffff, [{ type: 'recirc', id: 3 }]);
    await settled();
    expect(missed.map((key) => word(key, K.KEY_IN_PORT))).toEqual([0xffffffff]);
    expect(sent).toHaveLength(1);
  });
});
