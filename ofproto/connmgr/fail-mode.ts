// Whether the bridge must do without its controllers (ovs-vswitchd.conf.db(5), Bridge.fail_mode): in `standalone` mode
// it acts as a learning switch when no primary controller is configured, or when none was connected for three times
// the inactivity probe interval.

import type { Clock } from '../../lib/clock.ts';
import type { Control } from '../fail-mode.ts';
import type { FailMode } from './connmgr-api.ts';

const INTERVALS = 3;
const PROBE_INTERVAL_DEFAULT_MS = 5000;

export interface FailModeInputs {
  readonly mode: FailMode;
  /** Probe interval of each primary controller. */
  readonly probeIntervalsMs: readonly number[];
  readonly anyConnected: boolean;
}

export class FailModeMonitor {
  readonly #clock: Clock;
  readonly #apply: (mode: FailMode, control: Control) => void;
  #inputs: FailModeInputs = { mode: 'standalone', probeIntervalsMs: [], anyConnected: false };
  /** Last moment at which a primary controller was connected, or the controllers were configured. */
  #lastUpMs: number;
  #applied: string | undefined;
  #cancelTimer: () => void = () => {};

  /** `apply` gets every change. */
  constructor(clock: Clock, apply: (mode: FailMode, control: Control) => void) {
    this.#clock = clock;
    this.#apply = apply;
    this.#lastUpMs = clock.nowMs();
  }

  update(inputs: FailModeInputs): void {
    const hadControllers = this.#inputs.probeIntervalsMs.length > 0;
    if (inputs.anyConnected || this.#inputs.anyConnected || !hadControllers) this.#lastUpMs = this.#clock.nowMs();
    this.#inputs = inputs;
    this.#evaluate();
  }

  /** Forgets what was applied: the flow tables were emptied under it. */
  reset(): void {
    this.#applied = undefined;
  }

  stop(): void {
    this.#cancelTimer();
  }

  #evaluate(): void {
    this.#cancelTimer();
    const { mode, probeIntervalsMs, anyConnected } = this.#inputs;
    let control: Control = probeIntervalsMs.length > 0 ? 'present' : 'none';
    if (control === 'present' && mode === 'standalone' && !anyConnected) {
      const longestMs = Math.max(...probeIntervalsMs) || PROBE_INTERVAL_DEFAULT_MS;
      const leftMs = this.#lastUpMs + INTERVALS * longestMs - this.#clock.nowMs();
      if (leftMs > 0) this.#cancelTimer = this.#clock.after(leftMs, () => this.#evaluate());
      else control = 'lost';
    }
    const state = `${mode} ${control}`;
    if (state === this.#applied) return;
    this.#applied = state;
    this.#apply(mode, control);
  }
}
