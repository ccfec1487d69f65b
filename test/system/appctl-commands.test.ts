// Commands of the control socket beside Open vSwitch's: their names and what they take, and what those answer that show
// or set what a switch like this one does not have, with good arguments and bad ones.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SideBySide } from '../support/side-by-side.ts';
import { haveOvs } from '../support/vhost-switch.ts';

const both = new SideBySide();
const appctl = (...args: string[]) => both.both('ovs-appctl', args);

/** Open vSwitch's that weft does without: they are about the kernel's datapath, or about tests of Open vSwitch itself. */
const WITHOUT = [
  'dpctl/normalize-actions',
  'dpif-dummy/change-port-number',
  'dpif-netdev/pmd-perf-log-set',
  'dpif-netdev/pmd-perf-show',
  'dpif-netlink/dispatch-mode',
  'netdev-dummy/ip4addr',
  'netdev-dummy/ip6addr',
];

/** Name and arguments, one command a line. */
function listed(text: string): Map<string, string> {
  const lines = text.split('\n').flatMap((line) => /^ {2}(\S+)\s*(.*)$/.exec(line) ?? []);
  return new Map(Array.from({ length: lines.length / 3 }, (_, i) => [lines[3 * i + 1]!, lines[3 * i + 2]!]));
}

const SAME = `
autoattach/status
autoattach/show-isid br0
bfd/show
bfd/show p1
bfd/set-forwarding p1 true
bfd/set-forwarding maybe
bfd/set-forwarding normal
cfm/show
cfm/show p1
cfm/set-fault p1 x
cfm/set-fault false
qos/show p1
qos/show nop
qos/show-types p1
qos/show-types nop
mdb/show br0
netdev-dummy/conn-state nop
ofproto/list-tunnels
ofproto/list-tunnels x
ovs/route/show
ovs/route/lookup 10.0.0.7
ovs/route/del 10.1.0.0/24
tnl/arp/show
tnl/neigh/show
tnl/neigh/flush
tnl/neigh/set br0 10.0.0.10
tnl/arp/aging
tnl/ports/show
tnl/ports/show -v
tnl/egress_port_range
dpctl/dump-conntrack
dpctl/dump-conntrack -m zone=3
dpctl/dump-conntrack nodp
dpctl/dump-conntrack -x
dpctl/flush-conntrack
dpctl/flush-conntrack zone=3
dpctl/flush-conntrack zone=x
dpctl/ct-stats-show
dpctl/ct-stats-show zone=1
dpctl/ct-stats-show nodp
dpctl/ct-bkts
dpctl/ct-bkts gt=1
dpctl/ct-get-maxconns
dpctl/ct-get-nconns
dpctl/ct-get-limits
dpctl/ct-get-limits zone=1,2
dpctl/ct-set-maxconns
dpctl/ct-get-tcp-seq-chk
dpctl/set-if dummy@ovs-dummy nope
dpctl/del-if dummy@ovs-dummy nope
dpctl/del-if dummy@nodp p1
dpctl/del-dp dummy@nodp
dpctl/cache-get-size
dpctl/cache-set-size dummy@ovs-dummy x 4
dpctl/add-flows /nonexistent
dpctl/mod-flows /nonexistent
dpctl/del-flows /nonexistent
dpctl/del-flow foo
dpctl/get-flow foo
dpif-netdev/pmd-rxq-show -pmd 13
dpctl/parse-actions foo
dpctl/show -x
dpctl/dump-flows pmd=-1
dpctl/dump-flows pmd=x
dpif-netdev/miniflow-parser-set scalar
dpif-netdev/miniflow-parser-set foo
dpif-netdev/miniflow-parser-set scalar 5
dpif-netdev/miniflow-parser-set -pmd 13 scalar
dpif-netdev/miniflow-parser-set -pmd x scalar
dpif-netdev/miniflow-parser-set -pmd
dpif-netdev/dpif-impl-set dpif_scalar
dpif-netdev/dpif-impl-set foo
dpif-netdev/subtable-lookup-prio-set generic 2
dpif-netdev/subtable-lookup-prio-set generic 300
dpif-netdev/subtable-lookup-prio-set foo 2
dpif-netdev/pmd-rxq-rebalance nodp
dpif-netdev/bond-show
odp-execute/action-impl-set scalar
odp-execute/action-impl-set foo
dpif/show-dp-features nobr
dpif/set-dp-features br0 recirc
dpif/set-dp-features br0 nofield
upcall/set-flow-limit 1000
upcall/set-flow-limit x
upcall/set-flow-limit
upcall/enable-megaflows
upcall/enable-ufid
`;

describe.skipIf(!haveOvs)('beside Open vSwitch', () => {
  beforeAll(() => both.start(1));
  afterAll(() => both.stop());

  it('list-commands has the commands of Open vSwitch, with the same arguments', async () => {
    const [ours, theirs] = (await appctl('list-commands')).map(listed);
    for (const name of WITHOUT) theirs!.delete(name);
    const here = new Map([...theirs!.keys()].map((name) => [name, ours!.get(name)]));
    expect(here).toEqual(theirs);
  });

  it('commands that have nothing to show, or are asked wrongly, answer alike', async () => {
    const [ours, theirs] = [new Map<string, string>(), new Map<string, string>()];
    for (const line of SAME.trim().split('\n')) {
      const [weft, ovs] = await appctl(...line.split(' '));
      ours.set(line, weft);
      theirs.set(line, ovs);
    }
    expect(ours).toEqual(theirs);
  });
});
