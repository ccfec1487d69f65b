// nic/doctor: what stands between this machine and VF ports, from the bottom up, and the command that mends each thing.
// Reads /sys and /proc only, below `root`; changes nothing.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasDriver, pciIds } from './vfio/drivers.ts';
import { PciBus, type PciFacts, VFIO_DRIVER } from './vfio/pci-facts.ts';
import { lockedMemoryLimit, NO_IOMMU, whyNotFree } from './vfio/vfio-function.ts';

type Verdict = 'ok' | 'note' | 'problem';

interface Finding {
  readonly verdict: Verdict;
  readonly text: string;
  /** What to do about it, one line each. */
  readonly advice?: readonly string[];
}

/** The whole report. `root` is for tests. */
export function examineNics(root = '/'): string {
  const bus = new PciBus(root);
  const functions = bus.networkFunctions();
  const sections: readonly (readonly [title: string, findings: readonly Finding[]])[] = [
    ['IOMMU', [iommu(bus)]],
    ['VFIO', [vfio(bus), lockedMemory(root)]],
    ['Hugepages', [hugepages(root)]],
    ['Network functions', functions.map((facts) => describeFunction(bus, facts))],
    ['SR-IOV and switchdev', functions.filter(({ vfMax }) => vfMax > 0).map((facts) => sriov(bus, facts))],
  ];
  const problems = sections.flatMap(([, findings]) => findings).filter(({ verdict }) => verdict === 'problem').length;
  const text = sections.map(([title, findings]) => `${title}:\n${findings.map(format).join('\n') || '  none'}`);
  return [...text, problems === 0 ? 'No problems found.' : `${problems} problem(s) found.`].join('\n');
}

function format({ verdict, text, advice = [] }: Finding): string {
  return [`  ${verdict.padEnd(8)}${text}`, ...advice.map((line) => `          ${line}`)].join('\n');
}

function iommu(bus: PciBus): Finding {
  const groups = bus.groupCount();
  if (groups > 0) return { verdict: 'ok', text: `on, ${groups} groups` };
  return { verdict: 'problem', text: NO_IOMMU };
}

function vfio(bus: PciBus): Finding {
  if (bus.hasVfioPci()) return { verdict: 'ok', text: `${VFIO_DRIVER} is loaded` };
  const advice = [`modprobe ${VFIO_DRIVER}`, `echo ${VFIO_DRIVER} > /etc/modules-load.d/${VFIO_DRIVER}.conf`];
  return { verdict: 'problem', text: `${VFIO_DRIVER} is not loaded`, advice };
}

/** Rings and buffers of a port take a few MiB, which VFIO locks; root is not limited. */
function lockedMemory(root: string): Finding {
  const limit = lockedMemoryLimit(root);
  const isRoot = process.getuid?.() === 0;
  if (isRoot || limit === 'unlimited')
    return { verdict: 'ok', text: `locked memory: ${isRoot ? 'not limited for root' : limit}` };
  return {
    verdict: 'note',
    text: `locked memory is limited to ${limit}; a VF port needs about 4 MiB for each queue pair`,
    advice: ['ulimit -l unlimited, or LimitMEMLOCK=infinity in the unit'],
  };
}

function hugepages(root: string): Finding {
  const folder = join(root, 'sys/kernel/mm/hugepages/hugepages-2048kB');
  const [total, free] = ['nr_hugepages', 'free_hugepages'].map((name) => readNumber(join(folder, name)));
  if (total! > 0) return { verdict: 'ok', text: `${free} of ${total} pages of 2 MiB are free` };
  const text = 'no pages of 2 MiB are reserved: weft works with ordinary pages, more slowly';
  return { verdict: 'note', text, advice: ['sysctl vm.nr_hugepages=1024'] };
}

function describeFunction(bus: PciBus, facts: PciFacts): Finding {
  const names = facts.interfaces.length > 0 ? `, ${facts.interfaces.join(', ')}` : '';
  const role = facts.physical
    ? `VF of ${facts.physical}`
    : facts.vfMax > 0
      ? `PF with ${facts.vfCount} of ${facts.vfMax} VFs`
      : 'function';
  const what = `${facts.address} ${pciIds(facts)} (${role}, IOMMU group ${facts.group ?? 'none'}${names})`;
  if (!hasDriver(facts)) return { verdict: 'note', text: `${what}: weft has no driver for it` };
  if (facts.group === undefined) return { verdict: 'note', text: `${what}: needs an IOMMU` };
  const obstacle = whyNotFree(bus, facts);
  if (obstacle === undefined) return { verdict: 'ok', text: `${what}: ready, options:pci=${facts.address}` };
  // What the kernel uses is not wrong; a group that only half belongs to VFIO is.
  const verdict = facts.driver === VFIO_DRIVER ? 'problem' : 'note';
  return { verdict, text: `${what}: ${reasonOf(obstacle)}`, advice: commandOf(obstacle) };
}

const TO_FREE = /; to free (?:it|them): /;

function reasonOf(obstacle: string): string {
  return obstacle.split(TO_FREE)[0]!.replace(/^\S+ /, '');
}

function commandOf(obstacle: string): string[] {
  return obstacle.split(TO_FREE).slice(1);
}

/** VFs come up in the eSwitch's mode of that moment: the mode is set while no driver has one. */
function sriov(bus: PciBus, { address, vfCount, vfMax }: PciFacts): Finding {
  const folder = join(bus.root, 'sys/bus/pci/devices', address);
  const makeVfs = `echo ${Math.min(4, vfMax)} > /sys/bus/pci/devices/${address}/sriov_numvfs`;
  if (vfCount === 0) {
    return { verdict: 'note', text: `${address} has no VFs yet, ${vfMax} at most`, advice: [makeVfs] };
  }
  if (switchId(folder) !== undefined) return { verdict: 'ok', text: `${address}: ${vfCount} VFs, switchdev` };
  const bound = bus.virtualFunctions(address).filter(({ driver }) => driver !== undefined);
  const advice = [
    'for offload, in this order:',
    ...bound.map((vf) => `echo ${vf.address} > /sys/bus/pci/devices/${vf.address}/driver/unbind`),
    `devlink dev eswitch set pci/${address} mode switchdev`,
    `then bind the VFs again (${VFIO_DRIVER} for weft and for guests)`,
  ];
  return {
    verdict: 'note',
    text: `${address}: ${vfCount} VFs, legacy mode: the card switches by MAC and VLAN alone`,
    advice,
  };
}

/** In switchdev mode the PF's interface has the eSwitch's id; in legacy mode reading it fails. */
function switchId(folder: string): string | undefined {
  for (const name of list(join(folder, 'net'))) {
    try {
      const id = readFileSync(join(folder, 'net', name, 'phys_switch_id'), 'utf8').trim();
      if (id) return id;
    } catch {
      // EOPNOTSUPP: legacy mode.
    }
  }
  return undefined;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function readNumber(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return 0;
  }
}
