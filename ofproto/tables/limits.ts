// Sizes of the OpenFlow pipeline.

/** Tables 0..253 are the controller's; 254 is internal and 255 means "all". */
export const MAX_TABLE = 253;
export const N_TABLES = 254;
export const INTERNAL_TABLE = 254;
export const ALL_TABLES = 255;
/** Rules a table takes, as `dump-tables` says. */
export const MAX_RULES = 1_000_000;
