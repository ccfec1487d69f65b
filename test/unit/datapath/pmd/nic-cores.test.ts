// Which cores NICs' models poll on, and who is told.

import { describe, expect, test } from 'vitest';
import { isNicCore, noteNicCore, onNicCores } from '../../../../datapath/pmd/cores.ts';

describe('cores of NIC models', () => {
  test('are known while a model polls there, and every change is told once', () => {
    const [one, other] = [{}, {}];
    let told = 0;
    const forget = onNicCores(() => told++);
    noteNicCore(one, 900);
    noteNicCore(one, 900);
    noteNicCore(other, 900);
    expect(told).toBe(2);
    noteNicCore(one, 901);
    expect([isNicCore(900), isNicCore(901)]).toEqual([true, true]);
    noteNicCore(one, undefined);
    noteNicCore(other, undefined);
    expect([isNicCore(900), isNicCore(901)]).toEqual([false, false]);
    expect(told).toBe(5);
    forget();
    noteNicCore(one, 900);
    noteNicCore(one, undefined);
    expect(told).toBe(5);
  });
});
