import { describe, expect, it } from 'vitest';
import { renderTable } from '../../../../bench/demo/live-table.ts';
import { parseDumpPorts, parsePmdStats } from '../../../../bench/demo/parse-stats.ts';

const pmdText = (packets: number, idle: number, busy: number) => `pmd thread numa_id 0 core_id 1:
  packets received: ${packets}
  packet recirculations: 0
  simple match hits: 5
  emc hits: ${packets}
  smc hits: 0
  megaflow hits: 2
  miss with success upcall: 1
  miss with failed upcall: 0
  idle cycles: ${idle} (29.03%)
  processing cycles: ${busy} (70.97%)
main thread:
  packets received: 9
`;

const portText = (pkts: number) => `OFPST_PORT reply (xid=0x2): 2 ports
  port LOCAL: rx pkts=1, bytes=0, drop=0, errs=0, frame=0, over=0, crc=0
           tx pkts=2, bytes=0, drop=0, errs=0, coll=0
  port  1: rx pkts=${pkts}, bytes=0, drop=3, errs=0, frame=0, over=0, crc=0
           tx pkts=7, bytes=0, drop=4, errs=0, coll=0
`;

describe('parsePmdStats()', () => {
  it('reads PMD threads and leaves out the main thread', () => {
    expect(parsePmdStats(pmdText(8, 100, 300))).toEqual([
      {
        ...{ core: '1', packets: 8, emcHits: 8, megaflowHits: 7, upcalls: 1, failedUpcalls: 0 },
        ...{ idleCycles: 100, busyCycles: 300 },
      },
    ]);
  });
});

describe('parseDumpPorts()', () => {
  it('reads both directions of every port', () => {
    const ports = parseDumpPorts(portText(6));
    expect([...ports.keys()]).toEqual(['LOCAL', '1']);
    expect(ports.get('1')).toEqual({ rxPackets: 6, rxDropped: 3, txPackets: 7, txDropped: 4 });
  });

  it('takes quoted names', () => {
    expect([...parseDumpPorts('  port "vhost-a": rx pkts=1, drop=0\n tx pkts=2, drop=0\n').keys()]).toEqual([
      'vhost-a',
    ]);
  });
});

describe('renderTable()', () => {
  it('shows rates between two looks', () => {
    const look = (timeMs: number, pkts: number) => ({
      timeMs,
      pmds: parsePmdStats(pmdText(pkts, pkts, pkts * 3)),
      ports: parseDumpPorts(portText(pkts)),
    });
    const text = renderTable(look(0, 0), look(500, 1_000_000), new Map([['1', 'guest-a']]));
    expect(text).toMatch(/guest-a\s+2\.00 Mpps\s+0 pps\s+0 pps/);
    expect(text).toMatch(/PMD on core 1\s+2\.00 Mpps\s+0 pps\s+0 pps\s+75\.0%/);
  });
});
