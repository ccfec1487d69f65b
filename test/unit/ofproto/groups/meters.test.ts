// Meters through a whole bridge: text, wire, commands and their errors, translation, and what goes with a meter.
import { describe, expect, it } from 'vitest';
import { Reader, Writer } from '../../../../lib/cursors.ts';
import { OfError } from '../../../../ofproto/model/flow-mod.ts';
import { type MeterCommand, OFPM } from '../../../../ofproto/model/groups.ts';
import { formatDpActions } from '../../../../ofproto/odp-text/format-actions.ts';
import { formatMeter, formatMeterMod, formatMeterStats } from '../../../../ofproto/text/format-meter.ts';
import { parseMeterMod } from '../../../../ofproto/text/parse-meter.ts';
import {
  decodeMeterConfig,
  decodeMeterMod,
  decodeMeterStats,
  encodeMeterConfig,
  encodeMeterMod,
  encodeMeterStats,
} from '../../../../ofproto/wire/meters.ts';
import { SwitchFixture } from '../../../support/switch-fixture.ts';

const METERS = [
  'meter=1,kbps,band=type=drop,rate=100',
  'meter=2,pktps,burst,stats,bands=type=drop,rate=100,burst_size=50 type=dscp_remark rate=7 burst_size=1 prec_level=2',
  'meter=controller,pktps,band=type=drop,rate=5',
];

const PRINTED = [
  'ADD meter=1 kbps bands=\ntype=drop rate=100\n',
  'ADD meter=2 pktps burst stats bands=\ntype=drop rate=100 burst_size=50\ntype=dscp_remark rate=7 burst_size=1 prec_level=2\n',
  'ADD meter=controller pktps bands=\ntype=drop rate=5\n',
];

function written(encode: (w: Writer) => void): Reader {
  const w = new Writer();
  encode(w);
  return new Reader(w.finish(), 'OFPBRC_BAD_LEN');
}

class MeterFixture extends SwitchFixture {
  meter(text: string, command: MeterCommand = 'add'): void {
    this.br0.resources.meterMod(parseMeterMod(text, command));
  }

  /** The code that a meter-mod is refused with. */
  refusal(text: string, command: MeterCommand = 'add'): string | undefined {
    try {
      this.meter(text, command);
    } catch (error) {
      if (error instanceof OfError) return error.code;
      throw error;
    }
    return undefined;
  }

  actions(text: string): string {
    return formatDpActions(this.dpif.miss(this.key(text)).actions, { controller: () => undefined });
  }
}

describe('meters on the wire', () => {
  it.each(METERS.map((text, i) => [text, PRINTED[i]!]))('%s', (text, printed) => {
    const mod = parseMeterMod(text, 'add');
    expect(formatMeterMod(decodeMeterMod(written((w) => encodeMeterMod(w, mod))))).toBe(printed);
    const config = decodeMeterConfig(written((w) => encodeMeterConfig(w, mod)));
    expect(formatMeter(config)).toBe(printed.replace('ADD ', ''));
  });

  it('statistics', () => {
    const counts = { packets: 7n, bytes: 800n };
    const stats = { meterId: 5, flowCount: 2, ...counts, durationMs: 1500, bands: [counts, counts] };
    const read = decodeMeterStats(written((w) => encodeMeterStats(w, stats)));
    expect(read).toEqual(stats);
    expect(formatMeterStats(read)).toBe(
      'meter:5 flow_count:2 packet_in_count:7 byte_in_count:800 duration:1.500s bands:\n0: packet_count:7 byte_count:800\n1: packet_count:7 byte_count:800\n',
    );
  });

  it.each([
    ['both units', '0000 0003 00000007 0001 0010 00000064 00000000 00000000', 'OFPMMFC_BAD_FLAGS'],
    ['an unknown command', '0003 0001 00000007', 'OFPMMFC_BAD_COMMAND'],
    ['an unknown band', '0000 0001 00000007 0003 0010 00000064 00000000 00000000', 'OFPMMFC_BAD_BAND'],
    ['a band that is cut short', '0000 0001 00000007 0001 0010 00000064 00000000', 'OFPBRC_BAD_LEN'],
  ])('refuses %s', (_name, hex, code) => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    expect(() => decodeMeterMod(new Reader(bytes, 'OFPBRC_BAD_LEN'))).toThrow(code);
  });
});

describe('meter commands', () => {
  it('add, modify and delete', () => {
    const fixture = new MeterFixture();
    fixture.meter('meter=1,kbps,band=type=drop,rate=100');
    expect(fixture.refusal('meter=1,kbps,band=type=drop,rate=100')).toBe('OFPMMFC_METER_EXISTS');
    expect(fixture.refusal('meter=9,kbps,band=type=drop,rate=1', 'modify')).toBe('OFPMMFC_UNKNOWN_METER');
    expect(fixture.refusal('meter=all,kbps,band=type=drop,rate=1')).toBe('OFPMMFC_INVALID_METER');
    const bands = Array.from({ length: 9 }, (_, i) => `type=drop,rate=${i + 1}`).join();
    expect(fixture.refusal(`meter=2,kbps,bands=${bands}`)).toBe('OFPMMFC_OUT_OF_BANDS');
    fixture.meter('meter=1,pktps,burst,band=type=drop,rate=5,burst_size=9', 'modify');
    expect(fixture.br0.resources.meters(1).map(formatMeter)).toEqual([
      'meter=1 pktps burst bands=\ntype=drop rate=5 burst_size=9\n',
    ]);
    expect([...fixture.dpif.meters.values()]).toEqual([
      [{ rate: 5, unit: 'packets', burst: 9, type: 'drop', precLevel: 0 }],
    ]);
    expect(() => fixture.br0.resources.meters(2)).toThrow('OFPMMFC_UNKNOWN_METER');
    fixture.meter('meter=9', 'delete');
    fixture.meter('meter=all', 'delete');
    expect([fixture.br0.resources.meters(OFPM.ALL), fixture.dpif.meters.size]).toEqual([[], 0]);
  });

  it('delete the flows that use the meter', () => {
    const fixture = new MeterFixture();
    const reasons: string[] = [];
    fixture.br0.subscribe({
      packetIn: () => {},
      portStatus: () => {},
      flowRemoved: ({ reason }) => reasons.push(reason),
    });
    expect(() => fixture.flowMod('actions=meter:1,output:2')).toThrow('OFPMMFC_INVALID_METER');
    fixture.meter('meter=1,kbps,band=type=drop,rate=100');
    fixture.flowMod('udp,send_flow_rem,actions=meter:1,output:2');
    fixture.flowMod('tcp,actions=controller(meter_id=1)');
    expect(fixture.br0.resources.meterStats(1)[0]!.flowCount).toBe(1);
    fixture.meter('meter=1', 'delete');
    expect(reasons).toEqual(['meter_delete']);
    expect(fixture.stats()).toHaveLength(1);
  });

  it('go with their bridge', () => {
    const fixture = new MeterFixture();
    fixture.meter('meter=1,kbps,band=type=drop,rate=100');
    fixture.br0.close();
    expect(fixture.dpif.meters.size).toBe(0);
  });
});

describe('translation', () => {
  it('meters where the flow says so', () => {
    const fixture = new MeterFixture();
    fixture.meter('meter=9,kbps,band=type=drop,rate=100');
    fixture.meter('meter=1,kbps,band=type=drop,rate=100');
    fixture.flowMod('ip,actions=meter:1,dec_ttl,output:2');
    expect(fixture.actions('in_port=1,udp,nw_ttl=64')).toBe('meter(1),set(ipv4(ttl=63)),2');
  });

  it('meters what goes to controllers', () => {
    const fixture = new MeterFixture();
    fixture.meter('meter=5,pktps,band=type=drop,rate=100');
    fixture.flowMod('udp,actions=controller(meter_id=5),output:2');
    fixture.flowMod('tcp,actions=controller,output:2');
    const metered = (id: number) => `sample(sample=100.0%,actions(meter(${id}),userspace(pid=0,actions))),2`;
    expect(fixture.actions('in_port=1,udp')).toBe(metered(0));
    expect(fixture.actions('in_port=1,tcp')).toBe('userspace(pid=0,actions),2');
    fixture.meter('meter=controller,pktps,band=type=drop,rate=100');
    expect(fixture.actions('in_port=3,tcp')).toBe(metered(1));
    expect(fixture.actions('in_port=3,udp')).toBe(metered(0));
  });
});
