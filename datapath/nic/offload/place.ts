// Where a port is on a card with an embedded switch: what its driver says of itself (datapath/port/port.ts).

import type { NicProvider, Vport } from '../provider.ts';

export interface Place {
  readonly card: NicProvider;
  readonly vport: Vport;
}
