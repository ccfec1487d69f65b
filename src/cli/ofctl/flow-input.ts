// Flows that the user gives: one on the command line, or a file or standard input with one a line.

import { readFileSync } from 'node:fs';
import { UserError } from '../../../lib/errors.ts';
import { logger } from '../../../lib/log.ts';
import { systemErrorText } from '../../../lib/system-error.ts';
import type { FlowMod, FlowModCommand } from '../../../ofproto/model/flow-mod.ts';
import { OfError } from '../../../ofproto/model/flow-mod.ts';
import { normalizeMatch } from '../../../ofproto/model/normalize.ts';
import { checkArguments } from '../../../ofproto/tables/check-actions.ts';
import { checkPrerequisites } from '../../../ofproto/tables/check-prerequisites.ts';
import { formatMatch } from '../../../ofproto/text/format-match.ts';
import { parseFlow } from '../../../ofproto/text/parse-flow.ts';
import type { Names } from '../../../ofproto/text/ports.ts';

const CHECKED_HERE: ReadonlySet<string> = new Set([
  'OFPBAC_BAD_ARGUMENT',
  'OFPBAC_BAD_OUT_PORT',
  'OFPBAC_BAD_SET_ARGUMENT',
  'OFPBAC_MATCH_INCONSISTENT',
  'OFPBAC_BAD_TAG',
  'OFPMMFC_INVALID_METER',
]);

const log = logger('ofp_match');

/** Parses a flow, brings its match into normal form with a warning, and checks its actions. Throws UserError. */
export function readFlow(text: string, command: FlowModCommand | undefined, names: Names): FlowMod {
  const mod = parseFlow(text, command, names);
  const before = formatMatch(mod.match);
  if (normalizeMatch(mod.match).length > 0) {
    log.info('normalization changed ofp_match, details:');
    log.info(` pre: ${before}`);
    log.info(`post: ${formatMatch(mod.match)}`);
  }
  try {
    checkArguments(mod.actions, mod.tableId);
    // What only OpenFlow 1.0 may have is found when a version is chosen.
    checkPrerequisites(mod.actions, mod.match);
  } catch (error) {
    if (!(error instanceof OfError)) throw error;
    // What a particular switch has (tables) is for that switch to say.
    if (!CHECKED_HERE.has(error.code)) return mod;
    throw new UserError(`actions are invalid with specified match (${error.code})`);
  }
  return mod;
}

/** The flows of a file (`-`: standard input); `#` begins a comment. Throws UserError with file and line. */
export function readFlowFile(path: string, command: FlowModCommand | undefined, names: Names): FlowMod[] {
  const flows: FlowMod[] = [];
  for (const [index, line] of readText(path).split('\n').entries()) {
    const text = line.replace(/#.*$/, '').trim();
    if (text === '') continue;
    try {
      flows.push(readFlow(text, command, names));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(`${path === '-' ? '<stdin>' : path}:${index + 1}: ${error.message}`);
    }
  }
  return flows;
}

function readText(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    throw new UserError(`${path}: open failed (${systemErrorText(error)})`);
  }
}
