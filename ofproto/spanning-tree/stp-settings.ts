// What management sets of STP, and the times that it allows (IEEE 802.1D-1998, 8.10.2).

export interface Times {
  readonly helloTimeMs: number;
  readonly maxAgeMs: number;
  readonly forwardDelayMs: number;
}

export interface StpBridgeSettings extends Times {
  readonly priority: number;
  readonly address: Uint8Array;
}

export interface StpPortSettings {
  readonly number: number;
  readonly priority: number;
  readonly pathCost: number;
}

/** Within their ranges, and so that old information dies before ports forward. */
export function allowedTimes(wanted: Times): Times {
  const clamp = (ms: number, min: number, max: number) => Math.min(Math.max(ms, min), max);
  const helloTimeMs = clamp(wanted.helloTimeMs, 1000, 10_000);
  const maxAgeMs = clamp(wanted.maxAgeMs, Math.max(2 * (helloTimeMs + 1000), 6000), 40_000);
  const forwardDelayMs = clamp(wanted.forwardDelayMs, maxAgeMs / 2 + 1000, 30_000);
  return { helloTimeMs, maxAgeMs, forwardDelayMs };
}

/** How long the root tells of a topology change. */
export const topologyChangeMs = ({ maxAgeMs, forwardDelayMs }: Times): number => maxAgeMs + forwardDelayMs;
