// Syslog facilities by name (RFC 5424, 6.2.1, with ovs-vswitchd(8)'s names).

/** In the order of their codes; 10 (authpriv) has no name there. */
const FACILITIES = (
  'kern user mail daemon auth syslog lpr news uucp clock - ftp ntp audit alert clock2 ' +
  'local0 local1 local2 local3 local4 local5 local6 local7'
).split(' ');

export const DEFAULT_FACILITY = 'daemon';

/** The facility's code, or undefined for a name that is none. Case is not significant. */
export function facilityNumber(name: string): number | undefined {
  const code = FACILITIES.indexOf(name.toLowerCase());
  return code < 0 || name === '-' ? undefined : code;
}
