// Imported before everything else by weftd: V8 flags that must be set before the first wasm module is compiled.
//
// In Liftoff code an atomic access to an unmapped page kills the process; in TurboFan code it is an exception. Flags
// belong to the process, so workers have them too.

import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--no-liftoff');
