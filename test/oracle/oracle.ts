// The differential tester: real Open vSwitch and weft side by side, the same cases into both, and what differs.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clearMessages } from './clear.ts';
import { Coverage } from './coverage.ts';
import { explanationOf } from './explained.ts';
import { makeCase } from './generate/flows.ts';
import { PORT_CONFIGS, RESET_PORTS } from './generate/port-configs.ts';
import { OfctlEncoder } from './ofctl-encoder.ts';
import type { Version } from './openflow-link.ts';
import type { Failure, Mismatch, OracleCase } from './oracle-case.ts';
import { reportOf } from './report.ts';
import { type CaseResult, type EncodedCase, runCase, type Sides } from './run-case.ts';
import { mainAspect, shrink } from './shrink.ts';
import { SwitchUnderTest } from './switch-under-test.ts';

/** How many cases one run of ovs-ofctl encodes. */
const BATCH = 50;

export interface Result {
  readonly cases: number;
  readonly failures: readonly Failure[];
  /** Explained mismatches, by why. */
  readonly explained: ReadonlyMap<string, number>;
  readonly coverage: Coverage;
  readonly refusedFlows: number;
  readonly flows: number;
  /** Cases that Open vSwitch did not survive. */
  readonly endedOvs: number;
}

export class Oracle {
  readonly #sides: Sides;
  readonly #encoder: OfctlEncoder;
  readonly #folder: string;
  #config = -1;
  /** What ovs-ofctl made of `add-meter`, by its argument. */
  readonly #meters = new Map<string, readonly Buffer[]>();

  private constructor(sides: Sides, encoder: OfctlEncoder, folder: string) {
    this.#sides = sides;
    this.#encoder = encoder;
    this.#folder = folder;
  }

  static async start(): Promise<Oracle> {
    const folder = mkdtempSync(join(tmpdir(), 'weft-encoder-'));
    const [ovs, weft, encoder] = await Promise.all([
      SwitchUnderTest.startOvs(),
      SwitchUnderTest.startWeft(),
      OfctlEncoder.start(folder),
    ]);
    const clear = await clearMessages(encoder);
    return new Oracle({ ovs, weft, clear }, encoder, folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#encoder.close();
    await Promise.all([this.#sides.ovs.close(), this.#sides.weft.close()]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Runs cases `first` to `first + count - 1` of a seed. */
  async run(seed: number, count: number, options: RunOptions = {}): Promise<Result> {
    const tally = new Tally();
    const first = options.first ?? 0;
    const batchAt = (at: number) => {
      const size = Math.min(BATCH, first + count - at);
      return this.#encode(Array.from({ length: size }, (_, i) => makeCase(seed, at + i)));
    };
    let batch: readonly EncodedCase[] = await batchAt(first);
    for (let at = first; at < first + count; at += BATCH) {
      // ovs-ofctl encodes the next cases while these run.
      const following = at + BATCH < first + count ? batchAt(at + BATCH) : Promise.resolve([]);
      following.catch(() => {});
      for (const encoded of batch) {
        await this.#configure(encoded.text.config);
        const result = await this.#run(encoded);
        if (result.endedOvs) tally.endedOvs++;
        tally.add(encoded, result);
        const failure = tally.failures.at(-1);
        if (failure?.oracleCase === encoded.text) options.failed?.(failure);
        if (tally.failures.length >= (options.stopAfter ?? Infinity)) {
          await following;
          return tally;
        }
      }
      batch = await following;
    }
    return tally;
  }

  async #run(encoded: EncodedCase): Promise<CaseResult> {
    try {
      return await runCase(this.#sides, encoded);
    } catch (error) {
      const { ovs } = this.#sides;
      if (!(await ovs.isAlive())) {
        // A case that ends Open vSwitch says nothing of weft.
        await ovs.close();
        this.#sides.ovs = await SwitchUnderTest.startOvs();
        this.#config = -1;
        return { mismatches: [], refused: new Set(), hit: new Set(), endedOvs: true };
      }
      throw new Error(`in ${reportOf({ oracleCase: encoded.text, mismatches: [] })}`, { cause: error });
    }
  }

  /** The smallest case that still differs in what `failure` differed in. */
  async shrink({ oracleCase, mismatches }: Failure): Promise<Failure> {
    const wanted = mainAspect(mismatches);
    let last = mismatches;
    const smallest = await shrink(oracleCase, async (smaller) => {
      const found = (await this.check(smaller)).filter(
        (mismatch) => mismatch.aspect === wanted && explanationOf(mismatch).length === 0,
      );
      if (found.length > 0) last = found;
      return found.length > 0;
    });
    return { oracleCase: smallest, mismatches: last };
  }

  /** What the switches disagree about in one case. */
  async check(oracleCase: OracleCase): Promise<readonly Mismatch[]> {
    await this.#configure(oracleCase.config);
    return (await this.#run((await this.#encode([oracleCase]))[0]!)).mismatches;
  }

  async #configure(config: number): Promise<void> {
    if (config === this.#config) return;
    const commands = [...RESET_PORTS, ...PORT_CONFIGS[config]!.commands];
    const { ovs, weft } = this.#sides;
    await Promise.all([ovs, weft].map((side) => side.vsctl(commands.join(' -- '))));
    this.#config = config;
  }

  async #encode(cases: readonly OracleCase[]): Promise<EncodedCase[]> {
    const byVersion = new Map<Version, OracleCase[]>();
    for (const one of cases) byVersion.set(one.version, [...(byVersion.get(one.version) ?? []), one]);
    const encoded = new Map<OracleCase, EncodedCase>();
    for (const [version, group] of byVersion) {
      const flows = await this.#encoder.encode(
        version,
        'add-flows',
        group.flatMap((one) => one.flows),
      );
      const groups = await this.#encoder.encode(
        'OpenFlow15',
        'add-groups',
        group.flatMap((one) => one.groups),
      );
      let [flowAt, groupAt] = [0, 0];
      for (const text of group) {
        const ownFlows = flows.messages.slice(flowAt, flowAt + text.flows.length);
        const ownGroups = groups.messages.slice(groupAt, groupAt + text.groups.length);
        flowAt += text.flows.length;
        groupAt += text.groups.length;
        const meters: Buffer[] = [];
        for (const meter of text.meters) meters.push(...(await this.#meter(meter)));
        encoded.set(text, {
          text,
          preamble: flows.preamble,
          flows: ownFlows,
          groups: ownGroups,
          meters,
        });
      }
    }
    return cases.map((one) => encoded.get(one)!);
  }

  async #meter(text: string): Promise<readonly Buffer[]> {
    const messages = this.#meters.get(text) ?? (await this.#encoder.command('OpenFlow13', 'add-meter', text));
    this.#meters.set(text, messages);
    return messages;
  }
}

export interface RunOptions {
  readonly first?: number;
  readonly stopAfter?: number;
  readonly failed?: (failure: Failure) => void;
}

class Tally implements Result {
  cases = 0;
  flows = 0;
  refusedFlows = 0;
  endedOvs = 0;
  readonly failures: Failure[] = [];
  readonly explained = new Map<string, number>();
  readonly coverage = new Coverage();

  add({ text, flows }: EncodedCase, { mismatches, refused, hit }: CaseResult): void {
    this.cases++;
    this.flows += text.flows.length;
    const taken = new Set([...text.flows.keys()].filter((i) => typeof flows[i] !== 'string' && !refused.has(i)));
    this.refusedFlows += text.flows.length - taken.size;
    this.coverage.add(text, taken, hit);
    const unexplained: Mismatch[] = [];
    for (const mismatch of mismatches) {
      const explanations = explanationOf(mismatch);
      if (explanations.length === 0) unexplained.push(mismatch);
      for (const { why } of explanations) this.explained.set(why, (this.explained.get(why) ?? 0) + 1);
    }
    if (unexplained.length > 0) this.failures.push({ oracleCase: text, mismatches: unexplained });
  }
}
