import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../../lib/clock.ts';
import { FailModeMonitor } from '../../../../ofproto/connmgr/fail-mode.ts';

function monitor() {
  const clock = new VirtualClock();
  const applied: string[] = [];
  const failMode = new FailModeMonitor(clock, (mode, control) => applied.push(`${mode} ${control}`));
  return { clock, applied, failMode };
}

describe('FailModeMonitor', () => {
  it('standalone without controllers is on its own at once', () => {
    const { applied, failMode } = monitor();
    failMode.update({ mode: 'standalone', probeIntervalsMs: [], anyAdmitted: false });
    expect(applied).toEqual(['standalone none']);
  });

  it('standalone takes over after three probe intervals without a controller, and gives back', () => {
    const { clock, applied, failMode } = monitor();
    failMode.update({ mode: 'standalone', probeIntervalsMs: [], anyAdmitted: false });
    clock.warp(60_000);
    const alone = { mode: 'standalone', probeIntervalsMs: [5000, 2000], anyAdmitted: false } as const;
    failMode.update(alone);
    expect(applied.at(-1)).toBe('standalone present');
    clock.warp(14_999);
    expect(applied.at(-1)).toBe('standalone present');
    clock.warp(1);
    expect(applied.at(-1)).toBe('standalone lost');
    failMode.update({ ...alone, anyAdmitted: true });
    expect(applied.at(-1)).toBe('standalone present');
    clock.warp(60_000);
    failMode.update(alone);
    clock.warp(14_999);
    expect(applied.at(-1)).toBe('standalone present');
    clock.warp(1);
    expect(applied.at(-1)).toBe('standalone lost');
  });

  it('secure never takes over', () => {
    const { clock, applied, failMode } = monitor();
    failMode.update({ mode: 'secure', probeIntervalsMs: [5000], anyAdmitted: false });
    clock.warp(100_000);
    expect(applied).toEqual(['secure present']);
  });
});
