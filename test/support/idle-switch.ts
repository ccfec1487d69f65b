// A bridge and its connections that do nothing: what tests of the reconciler give it in place of real ones.
import type { ConnmgrApi } from '../../ofproto/connmgr/connmgr-api.ts';
import type { OfprotoApi } from '../../ofproto/ofproto-api.ts';
import { NO_AGGREGATION } from './no-aggregation.ts';

const nothing = () => {};

/** `own` is what the test wants to see or to answer itself. */
export function idleOfproto(name: string, own: object = {}): OfprotoApi {
  return {
    name,
    datapathId: 0n,
    addPort: nothing,
    delPort: nothing,
    l2: {
      aggregation: NO_AGGREGATION,
      setBundle: nothing,
      configure: nothing,
      setMirrors: nothing,
      mirrorStats: () => [],
    },
    tree: { configure: nothing, view: nothing, onChange: nothing },
    configureTables: nothing,
    setCollectors: nothing,
    barrier: () => Promise.resolve(),
    close: nothing,
    ...own,
  } as unknown as OfprotoApi;
}

export function idleConnmgr(): ConnmgrApi {
  return {
    listen: async () => {},
    setControllers: nothing,
    setFailMode: nothing,
    setProtocols: nothing,
    setInBand: nothing,
    setDescription: nothing,
    status: () => [],
    onStatusChange: () => nothing,
    close: async () => {},
  } as unknown as ConnmgrApi;
}
