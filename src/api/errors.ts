// What goes wrong in a call of the typed API, as gRPC statuses and as results of flow mods.

import { status } from '@grpc/grpc-js';
import { UserError } from '../../lib/errors.ts';
import { logger } from '../../lib/log.ts';
import { OfError } from '../../ofproto/model/flow-mod.ts';
import type { FlowErrorMessage } from './messages.ts';

const log = logger('api');

export type StatusName = 'NOT_FOUND' | 'RESOURCE_EXHAUSTED' | 'UNAVAILABLE' | 'DEADLINE_EXCEEDED';

/** A call ends with this status. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly status: StatusName;

  constructor(name: StatusName, message: string) {
    super(message);
    this.status = name;
  }
}

/** OFPET_* by what codes of that type begin with (OpenFlow 1.5.1, 7.5.4). */
const TYPES: readonly (readonly [prefix: string, type: string])[] = [
  ['OFPHFC_', 'OFPET_HELLO_FAILED'],
  ['OFPBRC_', 'OFPET_BAD_REQUEST'],
  ['OFPBAC_', 'OFPET_BAD_ACTION'],
  ['OFPBIC_', 'OFPET_BAD_INSTRUCTION'],
  ['OFPBMC_', 'OFPET_BAD_MATCH'],
  ['OFPFMFC_', 'OFPET_FLOW_MOD_FAILED'],
  ['OFPGMFC_', 'OFPET_GROUP_MOD_FAILED'],
  ['OFPPMFC_', 'OFPET_PORT_MOD_FAILED'],
  ['OFPTMFC_', 'OFPET_TABLE_MOD_FAILED'],
  ['OFPMMFC_', 'OFPET_METER_MOD_FAILED'],
];

/** The type of an OpenFlow error; extensions have one of their own. */
export function errorType(code: string): string {
  return TYPES.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 'OFPET_EXPERIMENTER';
}

/** What a client sent does not make sense, or the switch refuses it. */
function isClients(error: unknown): error is UserError | OfError {
  return error instanceof UserError || error instanceof OfError;
}

/** Deeply nested text runs a parser out of stack. */
function isTooDeep(error: unknown): boolean {
  return error instanceof RangeError && /call stack/.test(error.message);
}

/** The result of a flow mod that threw. Throws on what is a bug of ours. */
export function flowError(error: unknown): FlowErrorMessage {
  if (isTooDeep(error)) return { type: '', code: '', message: 'nested too deep' };
  if (!isClients(error)) throw error;
  if (error instanceof UserError) return { type: '', code: '', message: error.message };
  return { type: errorType(error.code), code: error.code, message: error.message };
}

/** The gRPC status that a call ends with. */
export function callStatus(error: unknown): { readonly code: status; readonly details: string } {
  if (error instanceof CallError) return { code: status[error.status], details: error.message };
  if (isTooDeep(error)) return { code: status.INVALID_ARGUMENT, details: 'nested too deep' };
  if (error instanceof UserError) return { code: status.INVALID_ARGUMENT, details: error.message };
  if (error instanceof OfError) {
    const why = error.message === error.code ? '' : `: ${error.message}`;
    return { code: status.INVALID_ARGUMENT, details: `${errorType(error.code)} ${error.code}${why}` };
  }
  log.err(`call failed: ${error instanceof Error ? error.stack : String(error)}`);
  return { code: status.INTERNAL, details: 'internal error, see the log' };
}
