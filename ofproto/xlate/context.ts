// State of one translation. The action modules work on it; xlate.ts, which knows them all, gives it `run` and
// `enterTable` so that they can recurse.

import type { DpAction } from '../../datapath/dpif.ts';
import { OFPP, type OfAction } from '../model/actions.ts';
import { FLOW_ACTSET_OUTPUT, Flow, KEY_SKB_PRIORITY } from '../model/flow.ts';
import type { FlowMod } from '../model/flow-mod.ts';
import type { Rule } from '../tables/rule.ts';
import type { BondBucket } from './bond-snapshot.ts';
import type { PendingEncap } from './commit-encap.ts';
import type { Freezing, FrozenFrame, FrozenState } from './freeze.ts';
import type { Report } from './report.ts';
import type {
  BridgeEffects,
  ControllerSpec,
  FinTimeout,
  GroupVisit,
  PatchHop,
  SampleSpec,
  SlowReason,
  Visit,
  XlateBridge,
  XlateMirror,
  XlatePort,
} from './snapshot.ts';

export const MAX_DEPTH = 64;
/** Tables, buckets, clones and branches inside one another at most: what fits the stack several times over. */
const MAX_NESTING = 512;
export const MAX_RESUBMITS = 64 * 64;
/** Datapath actions and stack entries at most: a table that multiplies packets cannot eat the switch. */
export const MAX_DP_ACTIONS = 4096;
export const MAX_STACK = 4096;

const NO_BUCKETS: readonly BondBucket[] = [];

export interface Recursion {
  run(ctx: XlateContext, actions: readonly OfAction[]): void;
  enterTable(ctx: XlateContext, lookupInPort: number, tableId: number, missToController: boolean): void;
  /** Runs the packet through the bridge that it is in now, as received on `inPort`. */
  receive(ctx: XlateContext, inPort: XlatePort): void;
  /** Runs the action set, which is empty from then on. */
  runActionSet(ctx: XlateContext): void;
  /** Copies for mirrors what has just left by `port`. */
  mirrorSent(ctx: XlateContext, port: XlatePort): void;
}

/**
 * The large parts of a translation. Making them anew is what a translation would spend most of its time on: whoever translates
 * often keeps one, and is done with a result before asking for the next.
 */
export class XlateScratch {
  readonly flow = new Flow();
  readonly base = new Flow();
  readonly wc = new Flow();
  readonly slow = new Set<SlowReason>();
  readonly mirrored = new Set<XlateMirror>();
}

export class XlateContext {
  /** What the bridge that the packet is in has to do. */
  here: BridgeEffects;
  readonly bridges: BridgeEffects[];
  readonly recursion: Recursion;
  readonly report: Report;
  /** The packet as it came in. */
  readonly packet: Flow;
  /** The packet as OpenFlow sees it now, and as the datapath has it after the actions emitted so far. */
  flow: Flow;
  readonly base: Flow;
  readonly wc: Flow;
  actions: DpAction[] = [];
  readonly controllers: (ControllerSpec | SampleSpec)[] = [];
  readonly visits: Visit[] = [];
  readonly groupVisits: GroupVisit[] = [];
  readonly hops: PatchHop[] = [];
  /** Of bonds: hardly any packet leaves by one, so the list is made when it does. */
  buckets: readonly BondBucket[] = NO_BUCKETS;
  readonly slow: Set<SlowReason>;
  readonly macsRead: number[] = [];
  /** What `recirc` actions stand for, by the index that they hold. */
  readonly recircs: FrozenState[] = [];
  freezing: Freezing | undefined;
  /** What the lists that an exit ended had not run (leaveBehind()). */
  leftBehind: FrozenFrame[] = [];
  /** The last label was popped: what lies below is not known. */
  wasMpls = false;
  /** A header that encap made and no commit has emitted yet. */
  pendingEncap: PendingEncap | undefined;
  /** TCP connections that end shorten these rules' timeouts. */
  readonly fins: FinTimeout[] = [];

  rule: Rule | undefined;
  /** Cookie of the rule whose actions a thawed translation runs. */
  frozenCookie: bigint | undefined;
  /** Nothing happens to the packet behind the action that runs. */
  isLast = true;
  tableId = 0;
  /** Tables, buckets, clones and branches that are being run. */
  depth = 0;
  /** How many of those count against MAX_DEPTH: buckets, and tables that are not later than the one before. */
  deepened = 0;
  /** The depth of the table that the packet entered the present bridge by: its action set runs at its end. */
  entryDepth = -1;
  resubmits = 0;
  branches = 0;
  /** Mirrors of the present bridge that need no copy any more. */
  mirrored: Set<XlateMirror>;
  /** Outputs are cut to so many bytes. */
  snaplen: number | undefined;
  exit = false;
  /** debug_slow was among the actions. */
  debugSlow = false;
  error: string | undefined;
  /** The error is a limit of translation itself: nobody recovers from it. */
  overLimit = false;
  inActionSet = false;
  inGroup = false;
  actionSet: OfAction[] = [];
  /** Each entry has as many bytes as what was pushed fills. */
  stack: Uint8Array[] = [];
  /** skb_priority to go back to on pop_queue. */
  readonly originalPriority: number;
  readonly packetOut: boolean;
  /** The translation goes on with what another had to leave (freeze.ts). */
  readonly resumed: boolean;

  constructor(
    bridge: XlateBridge,
    flow: Flow,
    recursion: Recursion,
    report: Report,
    { packetOut = false, resumed = false } = {},
    scratch = new XlateScratch(),
  ) {
    this.packet = flow;
    this.here = { bridge, mirrored: [], macs: [], learned: [] };
    this.bridges = [this.here];
    this.recursion = recursion;
    this.report = report;
    this.flow = scratch.flow;
    this.base = scratch.base;
    this.wc = scratch.wc;
    this.slow = scratch.slow;
    this.mirrored = scratch.mirrored;
    if (this.slow.size > 0) this.slow.clear();
    if (this.mirrored.size > 0) this.mirrored.clear();
    this.flow.copyFrom(flow);
    this.base.copyFrom(flow);
    this.wc.clear();
    this.flow.setU32(FLOW_ACTSET_OUTPUT, OFPP.UNSET);
    this.packetOut = packetOut;
    this.resumed = resumed;
    this.originalPriority = flow.u32(KEY_SKB_PRIORITY);
  }

  /** The cookie of the rule whose actions run, 0 without one. */
  cookie(): bigint {
    return this.rule?.cookie ?? this.frozenCookie ?? 0n;
  }

  /** No table has been entered yet whose actions could go back: a thawed translation is in one, as is a packet-out. */
  get isOutermost(): boolean {
    return this.depth === 0 && !this.packetOut && this.frozenCookie === undefined;
  }

  get bridge(): XlateBridge {
    return this.here.bridge;
  }

  get learned(): FlowMod[] {
    return this.here.learned;
  }

  /** The packet is in `bridge` from now on. */
  enterBridge(bridge: XlateBridge): void {
    const known = this.bridges.find((effects) => effects.bridge === bridge);
    this.here = known ?? { bridge, mirrored: [], macs: [], learned: [] };
    if (!known) this.bridges.push(this.here);
  }

  /** What `body` emits, instead of being added to the actions. */
  capture(body: () => void): DpAction[] {
    const outer = this.actions;
    const inner: DpAction[] = [];
    this.actions = inner;
    try {
      body();
    } finally {
      this.actions = outer;
    }
    return inner;
  }

  emit(action: DpAction): void {
    if (this.actions.length >= MAX_DP_ACTIONS) this.fail('Too many resubmits', 'too many datapath actions');
    else this.actions.push(action);
  }

  /** Whether actions may be run inside those that run now. */
  mayNest(): boolean {
    if (this.deepened >= MAX_DEPTH || this.depth > MAX_NESTING) {
      this.fail('Recursion too deep', `over max translation depth ${MAX_DEPTH}`);
    }
    return this.error === undefined;
  }

  /** Whether another table or group may be entered; counts it. */
  mayEnter(): boolean {
    if (!this.mayNest()) return false;
    if (this.resubmits >= MAX_RESUBMITS) {
      this.fail('Too many resubmits', `over ${MAX_RESUBMITS} resubmit actions`);
    } else {
      this.resubmits++;
    }
    return this.error === undefined;
  }

  /** Whether a list may branch once more: every branch doubles the work. */
  mayBranch(): boolean {
    if (this.depth > MAX_NESTING || this.branches >= MAX_RESUBMITS) {
      this.fail('Too many resubmits', `over ${MAX_RESUBMITS} branches`);
    } else {
      this.branches++;
    }
    return this.error === undefined;
  }

  /** Gives up: the packet is dropped. */
  fail(error: string, detail: string): void {
    this.report.add('error', () => detail);
    this.error ??= error;
    this.overLimit = true;
  }
}
