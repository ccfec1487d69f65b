// OVSDB's own errors: the <error> objects of RFC 7047 section 3.1, with the details that tell a person what to change.
import { ProtocolError } from '../../lib/errors.ts';
import { canonicalText, type Json, type JsonObject } from '../json-rpc/json.ts';

/** `code` is the <error> string (`constraint violation`, `timed out`), the message its details. */
export class OvsdbError extends ProtocolError {
  /** The JSON text that did not parse, for `syntax error` and its kin. */
  readonly syntax: string | undefined;

  constructor(code: string, details: string, syntax?: Json) {
    super(code, details);
    this.syntax = syntax === undefined ? undefined : canonicalText(syntax);
  }

  /** The error that a server answered with; undefined when `result` is none. */
  static fromJson(result: JsonObject): OvsdbError | undefined {
    const { error: code, details, syntax } = result;
    if (typeof code !== 'string') return undefined;
    const error = new OvsdbError(code, typeof details === 'string' ? details : '');
    return typeof syntax === 'string' ? Object.assign(error, { syntax }) : error;
  }

  toJson(): JsonObject {
    return {
      ...(this.syntax === undefined ? {} : { syntax: this.syntax }),
      ...(this.message === '' ? {} : { details: this.message }),
      error: this.code,
    };
  }
}

export function syntaxError(syntax: Json, details: string): OvsdbError {
  return new OvsdbError('syntax error', details, syntax);
}

export function constraintViolation(details: string): OvsdbError {
  return new OvsdbError('constraint violation', details);
}
