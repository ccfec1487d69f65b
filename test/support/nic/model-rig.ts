// A NIC model whose vports all end in dummies, without a switch: frames go in and come out by vport.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModelNic } from '../../../datapath/nic/model/model-nic.ts';
import type { Vport } from '../../../datapath/nic/provider.ts';
import type { CardRig } from './provider-suite.ts';

export interface ModelRig extends CardRig {
  readonly provider: ModelNic;
}

/** `vfs` VFs, VF 0 being vport 1; `line`: more of the card's settings. */
export async function modelRig(vfs: number, line: string): Promise<ModelRig> {
  const rundir = mkdtempSync(join(tmpdir(), 'weft-nic-'));
  const provider = new ModelNic('model0', `vfs=${vfs},wire=dummy,vf-end=dummy,${line}`, rundir);
  const sent = new Map<Vport, Buffer[]>();
  provider.onSent = (vport, frame) => sent.set(vport, [...(sent.get(vport) ?? []), Buffer.from(frame)]);
  const vports = Array.from({ length: vfs + 1 }, (_, vport) => vport);
  const watchAll = () => Promise.all(vports.map((vport) => provider.card.call('watch', vport)));
  await watchAll();
  return {
    provider,
    functions: [
      { nic: 'model0', vf: '0' },
      { nic: 'model0', vf: '1' },
    ],
    inject: (vport, frame) => provider.card.call('inject', vport, frame),
    sent: (vport) => {
      const frames = sent.get(vport) ?? [];
      sent.delete(vport);
      return frames;
    },
    reset: async () => {
      await provider.card.kill();
      await watchAll();
    },
    close: async () => {
      await provider.close();
      rmSync(rundir, { recursive: true, force: true });
    },
  };
}
