// The flow tables that the load scenario fills a bridge with: what tables of many flows look like, from a list of
// connections that share one mask to an access list of many.

export interface FlowFile {
  readonly name: string;
  /** What it shows, in the report. */
  readonly about: string;
  /** One flow of `count`, in ovs-ofctl's syntax. */
  readonly flow: (index: number, count: number) => string;
}

const quad = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
/** Spreads indexes over 32 bits, each its own number: multiplication by an odd constant. */
const scatter = (index: number) => Math.imul(index + 1, 0x9e3779b1) >>> 0;
const mac = (index: number) =>
  `02:00:${(0x1_0000_0000 + scatter(index))
    .toString(16)
    .slice(1)
    .replace(/..(?!$)/g, '$&:')}`;

/** Masks of `many-masks`: every length of either address's prefix with every cut of the port. */
function maskedFlow(index: number): string {
  const [source, destination, cut] = [8 + (index % 25), 8 + ((index >> 3) % 25), index % 5];
  const address = (seed: number, length: number) => `${quad(scatter(seed) & (-1 << (32 - length)))}/${length}`;
  const portMask = (0xffff << cut) & 0xffff;
  const port = `0x${(index & portMask).toString(16)}/0x${portMask.toString(16)}`;
  const match = `tcp,nw_src=${address(index, source)},nw_dst=${address(index * 7, destination)},tp_dst=${port}`;
  return `priority=${1000 + (index % 60_000)},${match},actions=output:${1 + (index % 8)}`;
}

/** A router in tables: ports, neighbours, routes with rewritten addresses, an access list with resubmit. */
function pipelineFlow(index: number): string {
  switch (index % 4) {
    case 0:
      return `table=0,priority=10,in_port=${1 + (index % 60_000)},dl_src=${mac(index)},actions=load:${index}->NXM_NX_REG0[],resubmit(,1)`;
    case 1:
      return `table=1,priority=20,dl_vlan=${index % 4000},dl_dst=${mac(index)},actions=strip_vlan,resubmit(,2)`;
    case 2: {
      const rewrite = `mod_dl_dst:${mac(index)},dec_ttl`;
      return `table=2,priority=${index % 100},ip,nw_dst=${quad(scatter(index) & -256)}/24,actions=${rewrite},resubmit(,3)`;
    }
    default:
      return `table=3,cookie=${index},udp,reg0=${index},tp_dst=${index % 65_536},actions=output:${1 + (index % 8)}`;
  }
}

export const FLOW_FILES: readonly FlowFile[] = [
  {
    name: 'connections',
    about: 'exact 5-tuples, one mask',
    flow: (i) =>
      `priority=100,tcp,in_port=${1 + (i % 4)},nw_src=${quad(0x0a000000 + i)},nw_dst=${quad(scatter(i))},` +
      `tp_src=${1024 + (i % 60_000)},tp_dst=${i % 65_536},actions=output:${1 + (i % 8)}`,
  },
  {
    name: 'routes',
    about: 'prefixes of 17 lengths, a next hop each',
    flow: (i) => {
      const length = 16 + (i % 17);
      const prefix = quad(scatter(i) & (-1 << (32 - length)));
      return `priority=${length},ip,nw_dst=${prefix}/${length},actions=mod_dl_dst:${mac(i)},output:${1 + (i % 8)}`;
    },
  },
  { name: 'pipeline', about: 'four tables, resubmit, registers, rewriting', flow: pipelineFlow },
  { name: 'many-masks', about: 'an access list of 200 masks, priorities mixed', flow: maskedFlow },
];

/** The text of a file for `ovs-ofctl add-flows`. */
export function fileText(file: FlowFile, count: number): string {
  return `${Array.from({ length: count }, (_, index) => file.flow(index, count)).join('\n')}\n`;
}
