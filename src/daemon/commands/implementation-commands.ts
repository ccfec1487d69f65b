// dpif-netdev/*-get and *-set, odp-execute/*: Open vSwitch has several implementations of its hot path's parts, and
// chooses by processor. Here each part has one, under the name that Open vSwitch gives its portable one.

import { UserError } from '../../../lib/errors.ts';
import { type Command, command } from '../../unixctl/command.ts';
import type { CommandContext } from './context.ts';

const LIMITS = [1, 5] as const;

export function implementationCommands(context: CommandContext): Command[] {
  const showLookups = () => 'Available dpcls implementations:\n  generic (Use count: 0, Priority: 1)';
  return [
    command('dpif-netdev/dpif-impl-get', '', [0, 0], () =>
      ['Available DPIF implementations:', `  dpif_scalar (pmds: ${cores(context)})`].join('\n'),
    ),
    command('dpif-netdev/dpif-impl-set', 'dpif_implementation_name', [1, 1], ([name]) => {
      if (name === 'dpif_scalar') return 'DPIF implementation set to dpif_scalar.';
      throw new UserError(`DPIF implementation not available: Unknown DPIF implementation ${name}.`);
    }),
    command('dpif-netdev/miniflow-parser-get', '', [0, 0], () =>
      ['Available MFEX implementations:', `  scalar (available: True pmds: ${cores(context)})`].join('\n'),
    ),
    command(
      'dpif-netdev/miniflow-parser-set',
      '[-pmd core] miniflow_implementation_name [study_pkt_cnt]',
      LIMITS,
      (args) => setParser(context, args),
    ),
    command('dpif-netdev/subtable-lookup-prio-get', '', [0, 0], showLookups),
    command('dpif-netdev/subtable-lookup-info-get', '', [0, 0], showLookups),
    command('dpif-netdev/subtable-lookup-prio-set', '[lookup_func] [prio]', [2, 2], ([name, text]) =>
      setLookup(name!, Number.parseInt(text!, 10) || 0),
    ),
    // Bonds are the slow path's alone: the datapath has none.
    command('dpif-netdev/bond-show', '[dp]', [0, 1], () => ''),
    command('odp-execute/action-impl-show', '', [0, 0], () =>
      ['Available Actions implementations:', '  scalar (available: Yes, active: Yes)'].join('\n'),
    ),
    command('odp-execute/action-impl-set', 'name', [1, 1], ([name]) => {
      if (name === 'scalar') return 'Action implementation set to scalar.';
      throw new UserError(`Error: unknown action implementation, ${name}, specified!`);
    }),
  ];
}

/** `1,3`, as Open vSwitch lists the threads that use something. */
function cores({ dpif }: CommandContext): string {
  const numbers = dpif.pmdStats().flatMap(({ core }) => (core === undefined ? [] : [core]));
  return numbers.length === 0 ? 'none' : numbers.sort((a, b) => a - b).join(',');
}

const UNCHANGED = 'Error: miniflow extract parser not changed,';

function setParser({ dpif }: CommandContext, args: readonly string[]): string {
  const words = [...args];
  const at = words.indexOf('-pmd');
  if (at >= 0) {
    const [, text] = words.splice(at, 2);
    if (text === undefined) throw new UserError('Error: -pmd option requires a thread id argument.');
    if (!/^\d+$/.test(text)) {
      throw new UserError(`${UNCHANGED} PMD thread passed is not valid: '${text}'. Pass a valid pmd thread ID.`);
    }
    if (!dpif.pmdStats().some(({ core }) => core === Number(text))) {
      throw new UserError(`${UNCHANGED} PMD thread ${text} not in use, pass a valid pmd thread ID.`);
    }
  }
  const [name, extra] = words;
  if (name !== 'scalar') throw new UserError(`Error: unknown miniflow extract implementation ${name ?? ''}.`);
  if (extra !== undefined) throw new UserError(`Error: unknown argument ${extra}.`);
  return 'Miniflow extract implementation set to scalar.';
}

const PRIORITY_MAX = 255;

function setLookup(name: string, priority: number): string {
  if (priority < 0 || priority > PRIORITY_MAX) {
    throw new UserError('error converting priority, use integer in range 0-255');
  }
  if (name !== 'generic') throw new UserError('error, subtable lookup function not found');
  return 'Lookup priority change affected 0 dpcls ports and 0 subtables.';
}
