// The NIC model keeps what every NicProvider does.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModelNic } from '../../datapath/nic/model/model-nic.ts';
import type { Vport } from '../../datapath/nic/provider.ts';
import { type CardRig, describeProvider } from '../support/nic/provider-suite.ts';

const SETTINGS = 'vfs=2,table-size=64,wire=dummy,vf-end=dummy';

async function modelRig(): Promise<CardRig> {
  const rundir = mkdtempSync(join(tmpdir(), 'weft-nic-'));
  const provider = new ModelNic('model0', SETTINGS, rundir);
  const sent = new Map<Vport, Buffer[]>();
  provider.onSent = (vport, frame) => sent.set(vport, [...(sent.get(vport) ?? []), Buffer.from(frame)]);
  const watchAll = () => Promise.all([0, 1, 2].map((vport) => provider.card.call('watch', vport)));
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

describeProvider('the NIC model', modelRig);
