// Imported before everything else by weftd: V8 flags that must be set before the first wasm module is compiled. They belong
// to the process, so workers have them too.

import { setFlagsFromString } from 'node:v8';

// In Liftoff code an atomic access to an unmapped page kills the process; in TurboFan code it is an exception.
setFlagsFromString('--no-liftoff');

// Threads that help to collect young objects share what cores the PMD threads leave: on one, they only get in each other's
// way.
setFlagsFromString('--no-parallel-scavenge');
