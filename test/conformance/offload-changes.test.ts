// Rules that change while the card is being written: after each barrier a packet goes where the rules say now, whoever forwards
// it, and the rules have counted each packet once.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseFlowStatsRequest } from '../../ofproto/text/parse-flow.ts';
import { CardRig, CardSwitch } from '../support/nic/card-switch.ts';
import { Random } from '../support/random-frames.ts';

const SEED = Number(process.env['WEFT_SEED'] ?? 20261121);
const ROUNDS = 40;
/** Destinations of packets; rules are for one of them, or for all. */
const HOSTS = [1, 2, 3, 4];
let rig: CardRig;

beforeAll(async () => {
  rig = await CardRig.start();
  // Less room than flows: they also push each other out.
  await rig.offload(3);
}, 120_000);
afterAll(() => rig.close());

interface Rule {
  readonly priority: number;
  readonly host: number | undefined;
  readonly output: number | undefined;
}

const matchOf = ({ host }: Pick<Rule, 'host'>) => (host === undefined ? 'ip' : `ip,nw_dst=10.0.0.${host}`);
const packetTo = (host: number) => `in_port=1,udp,nw_src=10.0.0.9,nw_dst=10.0.0.${host},nw_ttl=64,udp_src=1,udp_dst=2`;

function changeRules(fixture: CardSwitch, rules: Map<string, Rule>, random: Random): void {
  const priority = 1 + random.below(3);
  const host = random.pick([undefined, ...HOSTS]);
  const rule = { priority, host, output: random.pick([undefined, 2, 3, 4]) };
  const [name, match] = [`${priority} ${host}`, matchOf(rule)];
  if (random.below(3) === 0) {
    rules.delete(name);
    fixture.flowMod(`priority=${priority},${match}`, 'delete_strict');
  } else {
    rules.set(name, rule);
    fixture.flowMod(`priority=${priority},${match},actions=${rule.output ?? 'drop'}`);
  }
}

/** Where a packet goes: by the best rule; two of one priority may be either's. */
function expected(rules: ReadonlyMap<string, Rule>, host: number): string[] {
  const matching = [...rules.values()].filter((rule) => rule.host === undefined || rule.host === host);
  const priority = Math.max(...matching.map((rule) => rule.priority));
  const best = matching.filter((rule) => rule.priority === priority);
  return best.length === 0 ? [''] : best.map(({ output }) => (output === undefined ? '' : `p${output}`));
}

it(`after a barrier nothing is forwarded by an old flow (seed ${SEED})`, async () => {
  const random = new Random(SEED);
  const fixture = new CardSwitch(rig);
  const rules = new Map<string, Rule>();
  for (let round = 0; round < ROUNDS; round++) {
    for (let changes = 1 + random.below(3); changes > 0; changes--) changeRules(fixture, rules, random);
    // Sometimes the card has not heard of the last flows yet, sometimes it is through with them.
    if (random.below(2) === 0) await rig.decided();
    await fixture.br0.barrier();
    for (const host of HOSTS) {
      const sent = await fixture.send(packetTo(host));
      expect(expected(rules, host), `round ${round}, host ${host}: ${JSON.stringify([...rules.values()])}`).toContain(
        sent.join(),
      );
    }
  }
  await fixture.slowPath.purge();
  const [table] = fixture.br0.tableStats();
  expect(table!.lookupCount).toBe(BigInt(ROUNDS * HOSTS.length));
  expect(fixture.br0.flowStats(parseFlowStatsRequest('')).length).toBe(rules.size);
  expect(rig.forwardedByCard()).toBeGreaterThan(0n);
  await fixture.finish();
}, 120_000);
