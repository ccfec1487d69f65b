// Assertions for weft's own bugs, kept in production. Never on a peer's input: that gets a ProtocolError.

export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Throws AssertionError when `condition` is false: our bug, never a peer's bytes. */
export function assert(condition: boolean, message = 'assertion failed'): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Returns `value`, asserting that it is there. */
export function must<T>(value: T | null | undefined, message = 'value is missing'): T {
  if (value === null || value === undefined) throw new AssertionError(message);
  return value;
}

/** Marks a branch that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}
