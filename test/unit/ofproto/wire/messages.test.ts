// Message codecs against bytes captured from Open vSwitch, round trips, and refusals.
import { describe, expect, it } from 'vitest';
import { OFPP } from '../../../../ofproto/model/actions.ts';
import { emptyMatch } from '../../../../ofproto/model/flow.ts';
import { OfError } from '../../../../ofproto/model/flow-mod.ts';
import type { OfMessage } from '../../../../ofproto/model/messages.ts';
import { formatActions } from '../../../../ofproto/text/format-actions.ts';
import { formatMatch } from '../../../../ofproto/text/format-match.ts';
import { parseActions, parseFlow } from '../../../../ofproto/text/parse-flow.ts';
import { decodeMessage, encodeMessage, fitsMatch10 } from '../../../../ofproto/wire/index.ts';
import { VECTORS as VECTORS_10_AND_13 } from './vectors.ts';
import { VECTORS_11_TO_15 } from './vectors-versions.ts';

const VECTORS = [...VECTORS_10_AND_13, ...VECTORS_11_TO_15];

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const hexOf = (parts: Uint8Array[]) => parts.map((part) => Buffer.from(part).toString('hex')).join('|');

/** The code of the OfError that decoding gives. */
function refusal(hex: string): string {
  try {
    decodeMessage(bytes(hex));
  } catch (error) {
    if (error instanceof OfError) return error.code;
    throw error;
  }
  return 'none';
}

describe('captured messages', () => {
  it.each(VECTORS)('$command $hex', ({ hex, table = false }) => {
    const message = decodeMessage(bytes(hex), { flowModTableId: table });
    const again = message.type === 'flow_mod' ? { ...message, tableInCommand: table } : message;
    expect(hexOf(encodeMessage(again, Number.parseInt(hex.slice(0, 2), 16)))).toBe(hex);
  });

  it.each(['011000140000000200050000fffc0000ffffffff', '04120018000000020005000000000000ffffffffffffffff'])(
    'reads statistics of the queues of every port alike in each version: %s',
    (hex) => expect(decodeMessage(bytes(hex))).toMatchObject({ type: 'queue_stats_request', ofPort: OFPP.ANY }),
  );

  it('never takes a truncated or lengthened message for a good one, nor fails but with OfError', () => {
    for (const { hex } of VECTORS) {
      const whole = bytes(hex);
      for (let size = 8; size < whole.length; size += 4) {
        const cut = whole.slice(0, size);
        new DataView(cut.buffer).setUint16(2, size);
        try {
          decodeMessage(cut);
        } catch (error) {
          expect(error).toBeInstanceOf(OfError);
        }
      }
    }
  });
});

function flowMod(text: string, version: number): OfMessage {
  const mod = parseFlow(text, 'add');
  const message: OfMessage = { type: 'flow_mod', xid: 1, format: version === 1 ? 'nxm' : 'standard', mod };
  const [only] = encodeMessage(message, version);
  return decodeMessage(only!);
}

function actionsThrough(text: string, version: number, match = ''): string {
  const message = flowMod(`${match},actions=${text}`, version);
  return message.type === 'flow_mod' ? formatActions(message.mod.actions) : message.type;
}

describe('translation between versions, as Open vSwitch does it', () => {
  it.each([
    [1, '', 'set_field:5->reg0,set_field:0x5/0xf->reg1', 'load:0x5->NXM_NX_REG0[],load:0x5->NXM_NX_REG1[0..3]'],
    [
      1,
      'tcp',
      'set_field:80->tcp_dst,set_field:00:00:00:00:00:01->eth_src',
      'mod_tp_dst:80,mod_dl_src:00:00:00:00:00:01',
    ],
    [1, 'ip', 'mod_nw_ecn:1,mod_nw_ttl:3', 'load:0x1->NXM_NX_IP_ECN[],load:0x3->NXM_NX_IP_TTL[]'],
    [1, '', 'push_vlan:0x8100,set_field:4100->vlan_vid,output:1,goto_table:5', 'mod_vlan_vid:4,output:1,resubmit(,5)'],
    [1, '', 'note:00.11.22,pop_vlan', 'note:00.11.22.00.00.00,strip_vlan'],
    [4, '', 'mod_vlan_vid:3', 'push_vlan:0x8100,set_field:4099->vlan_vid'],
    [
      4,
      'dl_vlan=5',
      'mod_vlan_vid:3,mod_vlan_pcp:4,strip_vlan',
      'set_field:4099->vlan_vid,set_field:4->vlan_pcp,pop_vlan',
    ],
    [4, 'dl_vlan=3', 'pop_vlan,mod_vlan_vid:3', 'pop_vlan,push_vlan:0x8100,set_field:4099->vlan_vid'],
    [4, '', 'enqueue:1:2', 'set_queue:2,output:1,pop_queue'],
    [4, '', 'set_tunnel:5,set_queue:3', 'set_field:0x5->tun_id,set_queue:3'],
    [
      4,
      '',
      'meter:3,output:1,write_metadata:5/0xff,goto_table:3',
      'meter:3,output:1,write_metadata:0x5/0xff,goto_table:3',
    ],
  ] as const)('version %i %s %s', (version, match, text, printed) => {
    expect(actionsThrough(text, version, match)).toBe(printed);
  });
});

describe('matches', () => {
  it.each([
    'priority=7,pkt_mark=0x8,conj_id=6,tcp,reg0=0x5,tun_id=0x5,metadata=0x4,in_port=5,dl_vlan=4,dl_vlan_pcp=3,nw_src=10.0.0.0/8,nw_tos=4,tp_dst=80,tcp_flags=+syn',
    'arp,vlan_tci=0x1000/0x1000,arp_spa=1.1.1.1,arp_op=1',
    'icmp6,ipv6_dst=fe80::/10,icmp_type=136,icmp_code=0,nd_target=::3',
    'vlan_tci=0x0000',
  ])('%s survives NXM', (text) => {
    const message = flowMod(`${text},actions=drop`, 1);
    if (message.type !== 'flow_mod') throw new Error(message.type);
    expect(formatMatch(message.mod.match, message.mod.priority)).toBe(text);
  });

  it.each([
    ['ip,nw_src=10.0.0.0/8', true],
    ['tcp,tp_dst=80', true],
    ['dl_vlan=5,dl_vlan_pcp=3', true],
    ['dl_vlan=0xffff', true],
    ['icmp,icmp_type=8', true],
    ['arp,arp_op=1', true],
    ['ipv6', true],
    ['vlan_tci=0x1000/0x1000', false],
    ['udp6', false],
    ['reg0=1', false],
    ['tcp,tp_dst=0x50/0xf0', false],
    ['ip,nw_src=10.0.0.1/255.0.0.255', false],
    ['dl_src=01:00:00:00:00:00/01:00:00:00:00:00', false],
    ['ip,nw_ttl=3', false],
  ] as const)('%s fits the 1.0 match: %s', (text, fits) => {
    expect(fitsMatch10(parseFlow(`${text},actions=drop`, 'add').match)).toBe(fits);
  });
});

describe('flow-mods of 1.0', () => {
  /** Priority 100, asked for by a flow of these OFPFW_* wildcards. */
  const priorityOf = (wildcards: string) => {
    const match = `${wildcards}0001 020000000001 020000000002 ffff 00 00 0800 00 06 0000 0a000001 0a000002 0050 0051`;
    const text = `010e004800000001 ${match} 0000000000000000 0000 0000 0000 0064 ffffffff ffff 0000`;
    const message = decodeMessage(bytes(text.replaceAll(' ', '')));
    return message.type === 'flow_mod' ? message.mod.priority : undefined;
  };

  it('without wildcards have the highest priority', () => {
    const priorities = ['00000000', '00200000', '00000080'].map(priorityOf);
    expect(priorities).toEqual([0xffff, 100, 100]);
  });
});

describe('refusals', () => {
  it.each([
    ['OFPBRC_BAD_VERSION', '0702000800000001'],
    ['OFPBRC_BAD_TYPE', '0163000800000001'],
    ['OFPBRC_BAD_LEN', '0102000900000001'],
    ['OFPBRC_BAD_LEN', '010d000a000000010000'],
    ['OFPBRC_BAD_VENDOR', '0104001000000001000000990000000c'],
    ['OFPBRC_BAD_SUBTYPE', '01040010000000010000232000009999'],
    ['OFPBRC_BAD_STAT', '0110000c0000000200770000'],
    // A 1.3 flow-mod: unknown field, bad prerequisite, duplicate, value outside the mask, bad length, no OXM.
    ['OFPBMC_BAD_FIELD', flowMod13('80007e0100000000', 9)],
    ['OFPBMC_BAD_PREREQ', flowMod13('80001c0200500000', 10)],
    ['OFPBMC_DUP_FIELD', flowMod13('80000a02080080000a020800', 16)],
    ['OFPBMC_BAD_WILDCARDS', flowMod13('8000051000000000000000ff0000000000000000', 24)],
    ['OFPBMC_BAD_FIELD', flowMod13('80000a0308000000', 11)],
    // nsh_ttl, nsh_mdtype and arp_op of numbers that there are not.
    ['OFPBMC_BAD_VALUE', flowMod13('80000a02894fffff1405005ad65040', 19)],
    ['OFPBMC_BAD_VALUE', flowMod13('80000a02894fffff0405005ad65003', 19)],
    ['OFPBMC_BAD_VALUE', flowMod13('80000a02894fffff0405005ad65000', 19)],
    ['OFPBMC_BAD_VALUE', flowMod13('80000a02080680002a020100', 16)],
    ['OFPBMC_BAD_TYPE', flowMod13('', 4).replace('00010004', '00090004')],
    // Actions of a 1.0 packet-out.
    ['OFPBAC_BAD_TYPE', packetOut('0063000800000000')],
    ['OFPBAC_BAD_LEN', packetOut('0000000900000000')],
    ['OFPBAC_BAD_LEN', packetOut('0000001000000000')],
    ['OFPBAC_BAD_VENDOR', packetOut('ffff00080000abcd')],
    ['OFPBAC_BAD_VENDOR_TYPE', packetOut('ffff0010000023207777000000000000')],
    ['OFPBAC_BAD_ARGUMENT', packetOut('0001000810000000')],
    ['OFPBAC_BAD_OUT_PORT', packetOut('00000008fff00000')],
    ['OFPBAC_BAD_SET_ARGUMENT', packetOut('ffff0018000023200007000f000006020000000000000005')],
  ])('%s', (code, hex) => {
    expect(refusal(hex)).toBe(code);
  });

  it('does not follow clones without end', () => {
    let list = '0000000800010000';
    for (let i = 0; i < 120; i++) {
      const size = (16 + list.length / 2).toString(16).padStart(4, '0');
      list = `ffff${size}00002320002a000000000000${list}`;
    }
    expect(refusal(packetOut(list))).toBe('OFPBAC_TOO_MANY');
  });
});

/** A 1.3 flow-mod whose match has these TLVs; `length` is what the match header says. */
function flowMod13(tlvs: string, length: number): string {
  const match = `0001${length.toString(16).padStart(4, '0')}${tlvs}`;
  const padded = match.padEnd(Math.ceil(match.length / 16) * 16, '0');
  const body = `${'00'.repeat(16)}0000000000008000ffffffffffffffffffffffff00000000${padded}`;
  return `040e${(8 + body.length / 2).toString(16).padStart(4, '0')}00000001${body}`;
}

function packetOut(actions: string): string {
  const size = actions.length / 2;
  const body = `ffffffff0001${size.toString(16).padStart(4, '0')}${actions}`;
  return `010d${(8 + body.length / 2).toString(16).padStart(4, '0')}00000001${body}`;
}

describe('errors', () => {
  it.each([
    ['OFPBAC_BAD_TYPE', 1, '01010014000000aa00020000010e0008000000aa'],
    ['OFPBMC_BAD_PREREQ', 1, '0101001c000000aab0c20000000023200001010401 0e0008000000aa'.replace(' ', '')],
    ['OFPBMC_BAD_PREREQ', 4, '04010014000000aa00040009010e0008000000aa'],
    ['NXBRC_MUST_BE_ZERO', 4, '04010018000000aaffff000400002320040e0008000000aa'],
    ['99/98', 4, '0401000c000000aa00630062'],
  ] as const)('%s in version %i', (code, version, hex) => {
    const decoded = decodeMessage(bytes(hex));
    expect(decoded).toMatchObject({ type: 'error', code });
    expect(hexOf(encodeMessage(decoded, version))).toBe(hex);
  });
});

describe('long lists', () => {
  it('are split and marked', () => {
    const flow = {
      ...parseFlow('actions=1', 'add'),
      tableId: 0,
      packets: 1n,
      bytes: 2n,
      durationMs: 5,
      idleAgeMs: 0,
      hardAgeMs: 0,
      actions: parseActions('output:1,output:2'),
      match: emptyMatch(),
    };
    const flows = Array.from({ length: 3000 }, () => flow);
    const parts = encodeMessage({ type: 'flow_stats_reply', xid: 7, format: 'standard', flows, more: false }, 4);
    expect(parts.length).toBeGreaterThan(1);
    const decoded = parts.map((part) => decodeMessage(part));
    expect(decoded.map((part) => part.type === 'flow_stats_reply' && part.more)).toEqual([
      ...parts.slice(1).map(() => true),
      false,
    ]);
    const count = decoded.reduce((sum, part) => sum + (part.type === 'flow_stats_reply' ? part.flows.length : 0), 0);
    expect(count).toBe(3000);
  });
});
