// Where a bridge's `sample` actions show packets (Flow_Sample_Collector_Set and IPFIX of ovs-vswitchd.conf.db(5)): to each
// collector of the set, over UDP, one record for each packet as it comes.

import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import type { Upcall } from '../../datapath/dpif.ts';
import { logger } from '../../lib/log.ts';
import type { Flow } from '../model/flow.ts';
import type { SampleSpec, XlatePort } from '../xlate/snapshot.ts';
import { encodeRecord, encodeTemplates, type SampledPacket, type Totals } from './ipfix.ts';

const log = logger('ipfix');

/** Probability 1 of a `sample` action. */
const ALWAYS = 0xffff;
/** IANA's port for IPFIX. */
const IPFIX_PORT = 4739;
/** Over UDP templates are sent again from time to time (RFC 7011, 8.4). */
const TEMPLATE_INTERVAL_MS = 600_000;
/** Records under way in sockets at most: samples are lost before they pile up. */
const MAX_IN_FLIGHT = 1000;

/** A row of Flow_Sample_Collector_Set with its IPFIX row. */
export interface CollectorSet {
  readonly id: number;
  /** `ADDRESS:PORT`, as in the database. */
  readonly targets: readonly string[];
}

interface Exporter {
  readonly set: CollectorSet;
  readonly collectors: readonly { readonly address: string; readonly port: number }[];
  readonly totals: Totals;
  /** By observation domain. */
  readonly domains: Map<number, Domain>;
}

interface Domain {
  sequence: number;
  templatesMs: number;
}

export class FlowSamples {
  readonly #now: () => number;
  #exporters: readonly Exporter[] = [];
  readonly #sockets = new Map<4 | 6, Socket>();
  #inFlight = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether there is a set: only then `sample` does something, whatever set it names. */
  get isOn(): boolean {
    return this.#exporters.length > 0;
  }

  /** True when translations come out differently now. */
  configure(sets: readonly CollectorSet[]): boolean {
    const { isOn } = this;
    const before = new Map(this.#exporters.map((exporter) => [JSON.stringify(exporter.set), exporter]));
    this.#exporters = sets.map((set) => before.get(JSON.stringify(set)) ?? newExporter(set));
    if (sets.length === 0) this.close();
    return this.isOn !== isOn;
  }

  /** A packet that a `sample` action chose; `flow` is what is in it. */
  take({ flowSample }: SampleSpec, { inPort, frameSize }: Upcall, flow: Flow, ports: Iterable<XlatePort>): void {
    const { collectorSetId, obsDomainId, obsPointId, probability, direction } = flowSample;
    const interfaceName = [...ports].find(({ odpPort }) => odpPort === inPort)?.name ?? '';
    const packets = Math.floor(ALWAYS / probability);
    const isEgress = direction === 'egress';
    this.#send(collectorSetId, obsDomainId, { flow, frameSize, obsPointId, isEgress, interfaceName, packets });
  }

  /** Tells the collectors of the set of a packet. */
  #send(collectorSetId: number, obsDomainId: number, packet: SampledPacket): void {
    const exporter = this.#exporters.find(({ set }) => set.id === collectorSetId);
    if (!exporter) return;
    const domain = domainOf(exporter, obsDomainId);
    const header = { exportSeconds: Math.floor(Date.now() / 1000), sequence: domain.sequence, obsDomainId };
    const { totals } = exporter;
    totals.packets += packet.packets;
    totals.bytes += packet.packets * packet.frameSize;
    const nowMs = this.#now();
    if (nowMs >= domain.templatesMs + TEMPLATE_INTERVAL_MS) {
      domain.templatesMs = nowMs;
      this.#toAll(exporter, encodeTemplates(header));
    }
    this.#toAll(exporter, encodeRecord(header, packet, totals));
    domain.sequence = (domain.sequence + 1) >>> 0;
  }

  #toAll({ collectors }: Exporter, message: Uint8Array): void {
    for (const { address, port } of collectors) {
      if (this.#inFlight >= MAX_IN_FLIGHT) return;
      this.#inFlight++;
      this.#socket(isIP(address) === 6 ? 6 : 4).send(message, port, address, (error) => {
        this.#inFlight--;
        if (error) log.dbg(`${address}:${port}: ${error.message}`);
      });
    }
  }

  #socket(family: 4 | 6): Socket {
    let socket = this.#sockets.get(family);
    if (!socket) {
      socket = createSocket(family === 4 ? 'udp4' : 'udp6');
      // Nobody listens there, for now: a collector may come later.
      socket.on('error', (error) => log.dbg(error.message));
      socket.unref();
      this.#sockets.set(family, socket);
    }
    return socket;
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }
}

function domainOf({ domains }: Exporter, obsDomainId: number): Domain {
  let domain = domains.get(obsDomainId);
  if (!domain) {
    domain = { sequence: 0, templatesMs: Number.NEGATIVE_INFINITY };
    domains.set(obsDomainId, domain);
  }
  return domain;
}

function newExporter(set: CollectorSet): Exporter {
  const collectors = set.targets.flatMap((target) => {
    const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(target) ?? [];
    const address = bracketed ?? plain ?? '';
    // Names are not looked up: that could take long, for each packet.
    if (isIP(address) !== 0) return [{ address, port: Number(port ?? IPFIX_PORT) }];
    log.warn(`${target}: not an address of a collector`);
    return [];
  });
  return { set, collectors, totals: { packets: 0, bytes: 0 }, domains: new Map() };
}
