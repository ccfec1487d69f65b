// Network namespaces and veth pairs for tests; root only.
import { execFileSync, spawnSync } from 'node:child_process';

/** True when this process may make namespaces and interfaces. */
export function canMakeNamespaces(): boolean {
  const name = `weft-probe-${process.pid}`;
  if (spawnSync('ip', ['netns', 'add', name]).status !== 0) return false;
  execFileSync('ip', ['netns', 'del', name]);
  return true;
}

/** Runs iproute2's `ip` with the words of `command`; returns what it printed. Throws when it fails. */
export function ip(command: string): string {
  return execFileSync('ip', command.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export class NetworkNamespace {
  readonly name: string;

  constructor(name: string) {
    this.name = `weft-${process.pid}-${name}`;
    ip(`netns add ${this.name}`);
    ip(`-n ${this.name} link set lo up`);
  }

  /** Makes a veth pair: `outer` here and `inner` in the namespace, both up, `inner` with `address` (CIDR). */
  veth(outer: string, inner: string, address: string): void {
    ip(`link add ${outer} type veth peer name ${inner} netns ${this.name}`);
    ip(`link set ${outer} up`);
    this.configure(inner, address);
  }

  /** Gives an interface of the namespace an address and sets it up. IPv6 is off, so that nothing speaks unasked. */
  configure(device: string, address: string): void {
    spawnSync('ip', ['netns', 'exec', this.name, 'sysctl', '-qw', `net.ipv6.conf.${device}.disable_ipv6=1`]);
    ip(`-n ${this.name} addr add ${address} dev ${device}`);
    ip(`-n ${this.name} link set ${device} up`);
  }

  /** argv that runs `command` inside. */
  argv(...command: string[]): [string, string[]] {
    return ['ip', ['netns', 'exec', this.name, ...command]];
  }

  close(): void {
    ip(`netns del ${this.name}`);
  }
}
