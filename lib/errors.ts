// Errors that cross rooms: each has a stable code that a test, a log line or a protocol reply can name.

/** A peer sent bytes that its protocol does not allow; `code` names the rule (`OFPBRC_BAD_LEN`, `vhost-user-payload-size`). */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A failed system call: `code` is the errno name (`ENOENT`), `errno` its positive number. */
export class SyscallError extends Error {
  override readonly name = 'SyscallError';
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(syscall: string, code: string, errno: number, detail = '') {
    super(`${syscall}${detail ? ` ${detail}` : ''}: ${code}`);
    this.syscall = syscall;
    this.code = code;
    this.errno = errno;
  }
}

/** Something a user asked for that cannot be done; the message says what was expected, ready to be shown. */
export class UserError extends Error {
  override readonly name = 'UserError';
}
