#!/usr/bin/env node
// weft-vsctl: configures the switch through its database, with ovs-vsctl's grammar and output.

import { programName } from '../daemon/process/program.ts';
import { vsctl } from './vsctl/main.ts';

process.exitCode = await vsctl(process.argv.slice(2), {
  name: programName(),
  env: process.env,
  write: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
});
