// What a port served by the control thread counts, under the names of Interface.statistics.

import type { LinkStats } from '../../../lib/syscalls/net-link.ts';
import type { PortStats } from '../../dpif.ts';

export class SlowPortCounters {
  rxPackets = 0;
  rxBytes = 0;
  rxDropped = 0;
  txPackets = 0;
  txBytes = 0;
  txDropped = 0;

  received(frame: Uint8Array): void {
    this.rxPackets++;
    this.rxBytes += frame.length;
  }

  /** Counts one frame as sent or dropped, and returns `sent`. */
  sent(frame: Uint8Array, sent: boolean): boolean {
    if (sent) {
      this.txPackets++;
      this.txBytes += frame.length;
    } else {
      this.txDropped++;
    }
    return sent;
  }

  /** Interface.statistics of a kernel interface: packets as the switch saw them, errors as the kernel's driver did. */
  kernelStats(errors: LinkStats | undefined): PortStats {
    return {
      collisions: errors?.collisions ?? 0,
      rx_bytes: this.rxBytes,
      rx_crc_err: errors?.rxCrcErrors ?? 0,
      rx_dropped: this.rxDropped,
      rx_errors: errors?.rxErrors ?? 0,
      rx_frame_err: errors?.rxFrameErrors ?? 0,
      rx_missed_errors: errors?.rxMissedErrors ?? 0,
      rx_multicast_packets: errors?.multicast ?? 0,
      rx_over_err: errors?.rxOverErrors ?? 0,
      rx_packets: this.rxPackets,
      tx_bytes: this.txBytes,
      tx_dropped: this.txDropped,
      tx_errors: errors?.txErrors ?? 0,
      tx_packets: this.txPackets,
    };
  }
}
