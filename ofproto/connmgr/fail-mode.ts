// Whether the bridge must do without its controllers (ovs-vswitchd.conf.db(5), Bridge.fail_mode): in `standalone` mode
// it acts as a learning switch when no primary controller is configured, or when none has done its work (admission.ts) for
// three times the inactivity probe interval.

import type { Clock } from '../../lib/clock.ts';
import type { Control } from '../fail-mode.ts';
import type { FailMode } from './connmgr-api.ts';

const INTERVALS = 3;
const PROBE_INTERVAL_DEFAULT_MS = 5000;

export interface FailModeInputs {
  readonly mode: FailMode;
  /** Probe interval of each primary controller. */
  readonly probeIntervalsMs: readonly number[];
  readonly anyAdmitted: boolean;
}

export class FailModeMonitor {
  readonly #clock: Clock;
  readonly #apply: (mode: FailMode, control: Control) => void;
  #inputs: FailModeInputs = { mode: 'standalone', probeIntervalsMs: [], anyAdmitted: false };
  /** Last moment at which a primary controller was there, or the controllers were configured. */
  #lastUpMs: number;
  #applied: string | undefined;
  #isLost = false;
  #cancelTimer: () => void = () => {};

  /** `apply` gets every change. */
  constructor(clock: Clock, apply: (mode: FailMode, control: Control) => void) {
    this.#clock = clock;
    this.#apply = apply;
    this.#lastUpMs = clock.nowMs();
  }

  update(inputs: FailModeInputs): void {
    const hadControllers = this.#inputs.probeIntervalsMs.length > 0;
    if (inputs.anyAdmitted || this.#inputs.anyAdmitted || !hadControllers) this.#lastUpMs = this.#clock.nowMs();
    this.#inputs = inputs;
    this.#evaluate();
  }

  /** Forgets what was applied: the flow tables were emptied under it. */
  reset(): void {
    this.#applied = undefined;
  }

  /** Whether the bridge stands alone although it has controllers. */
  get isLost(): boolean {
    return this.#isLost;
  }

  stop(): void {
    this.#cancelTimer();
  }

  #evaluate(): void {
    this.#cancelTimer();
    const { mode, probeIntervalsMs, anyAdmitted } = this.#inputs;
    let control: Control = probeIntervalsMs.length > 0 ? 'present' : 'none';
    if (control === 'present' && mode === 'standalone' && !anyAdmitted) {
      const longestMs = Math.max(...probeIntervalsMs) || PROBE_INTERVAL_DEFAULT_MS;
      const leftMs = this.#lastUpMs + INTERVALS * longestMs - this.#clock.nowMs();
      if (leftMs > 0) this.#cancelTimer = this.#clock.after(leftMs, () => this.#evaluate());
      else control = 'lost';
    }
    const state = `${mode} ${control}`;
    if (state === this.#applied) return;
    this.#applied = state;
    this.#isLost = control === 'lost';
    this.#apply(mode, control);
  }
}
