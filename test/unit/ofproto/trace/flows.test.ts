import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '../../../../ofproto/upcall/settings.ts';
import { type CaseSwitch, casesOf, flowFiles, runLine, TreeCase } from '../../../support/flow-cases.ts';
import { MemoryPort } from '../../../support/memory-dpif.ts';
import { parseFrame } from '../../../support/reference/parse.ts';
import { SwitchFixture } from '../../../support/switch-fixture.ts';

class TracedSwitch extends SwitchFixture implements CaseSwitch {
  packet(text: string): void {
    this.dpif.miss(this.key(text));
  }

  setLink(name: string, up: boolean): void {
    const port = this.ports.find((one) => one.name === name)!;
    port.linkUp = up;
    this.br0.portChanged(port);
  }

  setVlanLimit(vlanLimit: number): void {
    this.slowPath.configure({ ...DEFAULT_SETTINGS, vlanLimit });
  }

  makeBridge(name: string, ports: readonly string[]): void {
    this.addBridge(
      name,
      ports.map((port) => new MemoryPort(port, Number(port.slice(1)))),
    );
  }
}

/** Without what README.md says is not compared. */
function comparable(lines: readonly string[]): string[] {
  const slowPath = lines.findIndex((line) => line.startsWith('This flow is handled by the userspace slow path'));
  const floods = lines.some((line) => /^ +(FLOOD|ALL)$/.test(line));
  return lines
    .slice(0, slowPath < 0 ? undefined : slowPath)
    .map((line) => line.trimEnd().replace(/recirc(_id=|\(0x)[1-9a-f][0-9a-f]*/g, 'recirc$1N'))
    .map((line) => line.replace(/\bmeter\(\d+\)/g, 'meter(N)'))
    .map((line) => (floods && line.startsWith('Datapath actions: ') ? sorted(line) : line));
}

const sorted = (line: string) =>
  `Datapath actions: ${line.slice('Datapath actions: '.length).split(',').sort().join()}`;

describe('ofproto/trace equals Open vSwitch', () => {
  for (const file of flowFiles()) {
    describe(file, () => {
      it.each(casesOf(file).map((c) => [c.name, c] as const))('%s', async (_name, { lines }) => {
        const fixture = new TracedSwitch();
        const tree = new TreeCase(fixture);
        // BPDUs that go through patch ports are the only packets that are read.
        fixture.dpif.extract = (packet, inPort) => parseFrame(packet, inPort).key;
        for (const { text, expected } of lines) {
          const printed = await runLine(fixture, tree, text);
          if (text.startsWith('trace')) expect(comparable(printed.split('\n')), text).toEqual(comparable(expected));
        }
      });
    });
  }
});
