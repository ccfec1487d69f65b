// The port types, by the name that Interface.type has for them.

import { UserError } from '../../lib/errors.ts';
import type { PortSpec, PortType } from '../dpif.ts';
import { DevicePort } from './device/device-port.ts';
import { DummyPort } from './dummy/dummy-port.ts';
import type { PortContext, PortDriver } from './port.ts';
import { SystemPort } from './system/system-port.ts';
import { TapPort } from './tap/tap-port.ts';
import { VfPort, type VfServices } from './vf/vf-port.ts';
import { VhostClientPort } from './vhost-user/client-port.ts';
import { VhostServerPort } from './vhost-user/server-port.ts';
import type { VhostServices } from './vhost-user/services.ts';
import { VdpaPort } from './vhost-user/vdpa-port.ts';
import type { VhostPort } from './vhost-user/vhost-port.ts';

/** What polled ports need of the datapath beyond a PortContext; a datapath without PMD threads has none. */
export interface PortServices {
  readonly vhost?: VhostServices;
  readonly vf?: VfServices;
}

type PortFactory = (spec: PortSpec, context: PortContext) => PortDriver;

/** Served by the control thread. */
const SLOW_PORTS: Partial<Record<PortType, PortFactory>> = {
  internal: (spec, context) => new TapPort(spec, context),
  tap: (spec, context) => new TapPort(spec, context),
  system: (spec, context) => new SystemPort(spec, context),
  dummy: (spec, context) => new DummyPort(spec, context),
};

type VhostPortFactory = (spec: PortSpec, context: PortContext, vhost: VhostServices) => VhostPort;

/** Served by PMD threads, or by a card's function (vdpa-port.ts). */
const VHOST_PORTS: Partial<Record<PortType, VhostPortFactory>> = {
  dpdkvhostuser: (spec, context, vhost) => new VhostServerPort(spec, context, vhost),
  dpdkvhostuserclient: (spec, context, vhost) => new VhostClientPort(spec, context, vhost),
};

/** Makes a port's driver. Throws UserError for a type that there is none of. */
export function createPortDriver(spec: PortSpec, context: PortContext, services: PortServices = {}): PortDriver {
  const slow = SLOW_PORTS[spec.type];
  if (slow) return slow(spec, context);
  const makeVhost = VHOST_PORTS[spec.type];
  if (makeVhost && services.vhost) return vhostPort(spec, context, services.vhost, services.vf, makeVhost);
  if (spec.type === 'device' && services.vhost) return new DevicePort(spec, context, services.vhost);
  if (spec.type === 'vf' && services.vf) return new VfPort(spec, context, services.vf);
  throw new UserError(`could not create netdev ${spec.name} of unknown type ${spec.type}`);
}

function vhostPort(
  spec: PortSpec,
  context: PortContext,
  vhost: VhostServices,
  vf: VfServices | undefined,
  make: VhostPortFactory,
): PortDriver {
  if (!vf) return make(spec, context, vhost);
  return new VdpaPort(spec, context, vhost, vf, (services) => make(spec, context, services));
}
