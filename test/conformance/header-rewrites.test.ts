// Rewritten headers, byte by byte: what Open vSwitch 3.1 sends for the same frame and the same actions.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DpAction, type Dpif, SET_LAYOUT, type SetHeader } from '../../datapath/dpif.ts';
import { startDummyPair } from '../support/built-datapath.ts';

let dpif: Dpif;
let sent: string[] = [];

beforeAll(async () => {
  dpif = await startDummyPair((frame) => sent.push(frame.toString('hex')));
});

afterAll(() => dpif.close());

/** `bytes` at `offset` of a header's layout. */
function set(header: SetHeader, offset: number, bytes: string): DpAction {
  const value = Buffer.alloc(SET_LAYOUT[header]);
  const mask = Buffer.alloc(SET_LAYOUT[header]);
  value.write(bytes, offset, 'hex');
  mask.fill(0xff, offset, offset + bytes.length / 2);
  return { type: 'set', header, value, mask };
}

async function run(frame: string, ...actions: DpAction[]): Promise<string[]> {
  sent = [];
  dpif.execute(Buffer.from(frame, 'hex'), 1, [...actions, { type: 'output', port: 2 }]);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  return sent;
}

const MACS = '000000000002000000000001';
const ADDRESSES6 = '20010db800000000000000000000000220010db8000000000000000000000001';
const NEW6 = '00000000000000000000000000000005';
const REST6 = '20010db8000000000000000000000001';
const UDP = '0050005100201234000102030405060708090a0b0c0d0e0f1011121314151617';
const ipv6 = (next: string, addresses: string, payload: string) =>
  `${MACS}86dd60000000${(payload.length / 2).toString(16).padStart(4, '0')}${next}40${addresses}${payload}`;

describe('set(ipv6())', () => {
  const source = set('ipv6', 0, NEW6);
  it.each([
    ['adjusts the checksum of a first fragment', '2c', '1100000161626364', UDP, '005000510020 3fea'],
    ['leaves that of a later fragment alone', '2c', '1100064061626364', UDP, '005000510020 1234'],
    ['adjusts it behind a routing header that is used up', '2b', '1100000061626364', UDP, '005000510020 3fea'],
    ['leaves it alone where segments are left', '2b', '1100000161626364', UDP, '005000510020 1234'],
    ['adjusts an ICMPv6 message of four bytes', '3a', '', '80001234', '8000 3fea'],
  ])('%s', async (_, next, extension, payload, start) => {
    const [before, after] = start.split(' ') as [string, string];
    const expected = before + after + payload.slice(before.length + 4);
    expect(await run(ipv6(next, ADDRESSES6, extension + payload), source)).toEqual([
      ipv6(next, NEW6 + REST6, extension + expected),
    ]);
  });

  it('takes Ethernet padding for no part of a header that is cut short', async () => {
    const padding = '00'.repeat(30);
    const short = UDP.slice(0, 14);
    expect(await run(ipv6('11', ADDRESSES6, short) + padding, source)).toEqual([
      ipv6('11', NEW6 + REST6, short) + padding,
    ]);
  });
});

/** Its checksum is made anew: 0x11c1 is wrong. */
describe('set(nd_ext())', () => {
  const solicit = (sum: string, reserved: string, option: string) =>
    ipv6('3a', ADDRESSES6, `8700${sum}${reserved}ff020000000000000000000000000001${option}01ffffffffffff`);

  it('writes the reserved word', async () => {
    expect(await run(solicit('11c1', '60000000', '01'), set('nd_ext', 0, '00000005'))).toEqual([
      solicit('1d26', '00000005', '01'),
    ]);
  });

  it('writes the type of the first option', async () => {
    expect(await run(solicit('11c1', '60000000', '01'), set('nd_ext', 4, '09'))).toEqual([
      solicit('b52a', '60000000', '09'),
    ]);
  });
});

describe('set(nd())', () => {
  const options = (first: string, second: string) =>
    ipv6('3a', ADDRESSES6, `8700aaaa60000000ff020000000000000000000000000001${first}${second}`);

  it('writes the first link-layer address only', async () => {
    const second = '01010a5500aa0003';
    const [sent] = await run(options('0101ffffffffffff', second), set('nd', 16, '000000000007'));
    expect(sent?.slice(-32)).toBe(`0101000000000007${second}`);
  });

  it('looks no further than an address of the other kind', async () => {
    const frame = options('0201ffffffffffff', '01010a5500aa0003');
    expect(await run(frame, set('nd', 16, '000000000007'))).toEqual([frame]);
  });
});

describe('802.3 with SNAP', () => {
  it('has its labels behind the SNAP header', async () => {
    const body = 'ab'.repeat(40);
    const label = { type: 'push_mpls', lse: 0x140, ethertype: 0x8848 } as const;
    expect(await run(`${MACS}0030aaaa0300000088b5${body}`, label)).toEqual([
      `${MACS}0030aaaa03000000884800000140${body}`,
    ]);
  });
});

describe('trunc', () => {
  const frame = `${MACS}88b5${'ab'.repeat(40)}`;

  it('counts the bytes of the packet as it is at that moment', async () => {
    const label = { type: 'push_mpls', lse: 0x140, ethertype: 0x8847 } as const;
    const cut = `${MACS}884700000140${'ab'.repeat(6)}`;
    expect(await run(frame, { type: 'trunc', maxLen: 20 }, label)).toEqual([cut]);
  });

  it('cuts nothing off a packet that grows beyond it', async () => {
    const tag = { type: 'push_vlan', tpid: 0x8100, tci: 0x1005 } as const;
    const grown = `${MACS}8100000588b5${'ab'.repeat(40)}`;
    expect(await run(frame, { type: 'trunc', maxLen: 54 }, tag)).toEqual([grown]);
  });
});

describe('set(ipv4())', () => {
  const ipv4 = (rest: string, payload: string) => `${MACS}080045000034000100004006${rest}0a000002${payload}`;
  const tcp = (checksum: string) => `00500051002012340001020304050607${checksum}0a0b0c0d0e0f1011121314151617`;

  it('leaves a checksum of 0xffff as it is when the address is the same', async () => {
    const frame = ipv4('66c10a000001', tcp('ffff'));
    expect(await run(frame, set('ipv4', 0, '0a000001'))).toEqual([frame]);
  });

  it('adjusts a checksum of 0xffff when the address is another', async () => {
    const frame = ipv4('66c10a000001', tcp('ffff'));
    expect(await run(frame, set('ipv4', 0, '0a000009'))).toEqual([ipv4('66b90a000009', tcp('fff7'))]);
  });

  it('asks for no version', async () => {
    const frame = ipv4('66c10a000001', tcp('ffff')).replace('080045', '080065');
    const expected = ipv4('66b90a000009', tcp('fff7')).replace('080045', '080065');
    expect(await run(frame, set('ipv4', 0, '0a000009'))).toEqual([expected]);
  });
});
