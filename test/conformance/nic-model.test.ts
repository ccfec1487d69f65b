// The NIC model keeps what every NicProvider does.
import { modelRig } from '../support/nic/model-rig.ts';
import { describeProvider } from '../support/nic/provider-suite.ts';

describeProvider('the NIC model', () => modelRig(2, 'table-size=64'));
