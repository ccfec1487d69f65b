// Puts answers into a form in which two switches can be compared: without what time, chance and hash tables decide.
import type { Aspect } from './oracle-case.ts';

/** The parts of an ofproto/trace, by what they say. */
export function traceParts(text: string): [Aspect, string][] {
  const lines = text.trimEnd().split('\n');
  const start = (word: string) => lines.filter((line) => line.startsWith(word)).join('\n');
  const steps = lines.filter((line) => !/^(Flow|Final flow|Megaflow|Datapath actions): /.test(line));
  return [
    ['trace-flow', start('Flow: ')],
    ['trace-steps', steps.map((line) => numbers(line.trimEnd())).join('\n')],
    ['final-flow', numbers(start('Final flow: '))],
    ['megaflow', numbers(start('Megaflow: '))],
    ['datapath-actions', numbers(start('Datapath actions: '))],
  ];
}

/** Numbers that each switch gives out as it likes: recirculation ids. */
function numbers(line: string): string {
  return line
    .replace(/recirc_id=(0x[0-9a-f]+|[1-9]\d*)/g, 'recirc_id=N')
    .replace(/recirc\(0x[0-9a-f]+\)/g, 'recirc(N)');
}

/** A dump's lines in order, without ages. */
export function comparableDump(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) =>
      line
        .replace(/^ufid:\S+, /, '')
        .replace(/duration=\d+s/, 'duration=N')
        .replace(/used:[^,]+/, 'used:N')
        .replace(/recirc_id\(0x[0-9a-f]+\)/, 'recirc_id(N)')
        .replace(/recirc\(0x[0-9a-f]+\)/g, 'recirc(N)')
        .replace(/recirc_id=[1-9]\d*/g, 'recirc_id=N')
        .replace(/, dp:ovs, /, ', ')
        // How Open vSwitch's own look-up keeps the flow.
        .replace(/, dp-extra-info:.*/, ''),
    )
    .filter((line) => !line.startsWith('flow-dump from') && !line.startsWith('table_id=254'))
    .sort()
    .join('\n');
}

/** OpenFlow 1.3 ofp_flow_stats entries in order, without durations. */
export function sortedFlowStats(entries: Buffer): string {
  const texts: string[] = [];
  for (let at = 0; at < entries.length; ) {
    const size = entries.readUInt16BE(at);
    const entry = Buffer.from(entries.subarray(at, at + size));
    entry.fill(0, 4, 12);
    texts.push(entry.toString('hex'));
    at += Math.max(size, 1);
  }
  return texts.sort().join('\n');
}

/** A packet-in without its transaction and buffer ids. */
export function comparablePacketIn(bytes: Buffer): string {
  return bytes.subarray(12).toString('hex');
}
