import { describe, expect, it } from 'vitest';
import * as flow from '../../../datapath/layout/flow.ts';
import * as key from '../../../datapath/layout/flow-key.ts';
import * as map from '../../../datapath/layout/memory-map.ts';
import * as block from '../../../datapath/layout/thread-block.ts';
import * as vring from '../../../datapath/layout/vring.ts';

describe('memory map', () => {
  it('has its areas one behind the other, below the guests', () => {
    expect(map.SHARED_END).toBeLessThanOrEqual(map.THREAD_BASE);
    expect(map.T_END).toBeLessThanOrEqual(map.THREAD_AREA_SIZE);
    expect(map.THREAD_BASE + map.THREAD_MAX * map.THREAD_AREA_SIZE).toBeLessThanOrEqual(map.GUEST_BASE);
    expect(map.GUEST_BASE + map.GUEST_WINDOW_SIZE).toBe(2 ** 32);
  });

  it('aligns what is read 8 bytes or a cache line at a time', () => {
    for (const at of [map.T_PKTS, map.T_PORT_STATS, map.T_EMC, map.T_FLOW_STATS, map.T_SLOTS]) expect(at % 8).toBe(0);
    for (const at of [map.FLOW_TABLE, map.T_PKTS, map.T_EMC, map.PKT_SIZE]) expect(at % 64).toBe(0);
    expect(map.THREAD_AREA_SIZE % (2 * map.MIB)).toBe(0);
  });

  it('gives the rings more places than there are slots', () => {
    expect(map.RING_MAX).toBeGreaterThan(map.SLOT_MAX);
  });
});

describe('records', () => {
  it('fit their sizes', () => {
    expect(flow.PORT_TXQS + flow.PORT_TXQ_MAX * 4).toBeLessThanOrEqual(map.PORT_SIZE);
    expect(flow.FLOW_WORDS + flow.FLOW_WORD_MAX * 8).toBeLessThanOrEqual(map.FLOW_SLOT_SIZE);
    expect(vring.VRING_DOORBELL_VALUE + 4).toBeLessThanOrEqual(vring.VRING_SIZE);
    expect(vring.DEVICE_REGIONS + vring.DEVICE_REGION_MAX * vring.REGION_SIZE).toBeLessThanOrEqual(vring.DEVICE_SIZE);
    expect(block.TB_COUNTERS_END).toBeLessThanOrEqual(block.TB_DROPS);
    expect(block.TB_RUNS + map.BURST_MAX * block.RUN_SIZE).toBeLessThanOrEqual(map.THREAD_BLOCK_SIZE);
    expect(block.SLOT_KEY + key.KEY_SIZE).toBeLessThanOrEqual(map.SLOT_DATA);
    expect(map.SLOT_DATA + map.FRAME_MAX + 64).toBeLessThanOrEqual(map.SLOT_SIZE);
  });

  it('keep every key field inside the key and off its neighbours', () => {
    const offsets = Object.entries(key)
      .filter(([name]) => name.startsWith('KEY_') && !['KEY_SIZE', 'KEY_WORDS'].includes(name))
      .map(([, offset]) => offset);
    expect(new Set(offsets).size).toBe(offsets.length);
    expect(Math.max(...offsets)).toBeLessThan(key.KEY_SIZE);
    expect(key.KEY_SIZE).toBe(key.KEY_WORDS * 8);
  });
});
