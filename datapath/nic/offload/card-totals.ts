// What became of a card's flows so far, for offload/stats.

export class CardTotals {
  inserted = 0;
  removed = 0;
  /** Flows that gave way to busier ones. */
  gaveWay = 0;
  /** Flows that the card itself refused, without those for which it was full. */
  refused = 0;
  full = 0;
  resets = 0;
}
