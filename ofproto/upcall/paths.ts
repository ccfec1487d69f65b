// What megaflows share whose packets went the same way: the rules that their translations found, the groups and the patch
// ports on it. Ways are few where megaflows are many: a new megaflow needs no record for each table that it went through,
// and a change of a rule finds its megaflows by the paths that the rule is on.

import type { Rule } from '../tables/rule.ts';
import type { Rewritten } from '../xlate/rewritten.ts';
import type { Effects, GroupVisit, PatchHop, Visit } from '../xlate/snapshot.ts';
import { linkRules, type RuleLink, usersOf } from './rule-users.ts';

const NONE: readonly never[] = [];

/** A place in one path's list of users. */
export interface PathUser<User> {
  path: Path<User>;
  nextOnPath: User | undefined;
  previousOnPath: User | undefined;
}

export class Path<User> {
  readonly hash: number;
  /** Of translations that did nothing else. */
  readonly effects: Effects;
  readonly links: readonly RuleLink<Path<User>>[];
  /** The first of the list of users. */
  users: User | undefined;
  /** Another path with the same hash. */
  next: Path<User> | undefined;

  constructor(hash: number, { visits, groupVisits, hops }: Effects) {
    this.hash = hash;
    this.effects = {
      visits,
      groupVisits: kept(groupVisits),
      hops: kept(hops),
      bridges: NONE,
      macsRead: NONE,
      fins: NONE,
      buckets: NONE,
    };
    this.links = linkRules(this, visits);
  }
}

export class PathTable<User extends PathUser<User>> {
  readonly #paths = new Map<number, Path<User>>();

  /** The path of a translation, which has no users yet when it is new. */
  find(effects: Effects): Path<User> {
    const hash = hashOf(effects.visits);
    const first = this.#paths.get(hash);
    for (let path = first; path; path = path.next) if (isSame(path.effects, effects)) return path;
    const path = new Path<User>(hash, effects);
    path.next = first;
    this.#paths.set(hash, path);
    return path;
  }

  add(user: User): void {
    const { path } = user;
    user.nextOnPath = path.users;
    user.previousOnPath = undefined;
    if (path.users) path.users.previousOnPath = user;
    path.users = user;
  }

  /** The path goes with its last user. */
  remove(user: User): void {
    const { path, nextOnPath, previousOnPath } = user;
    if (nextOnPath) nextOnPath.previousOnPath = previousOnPath;
    if (previousOnPath) previousOnPath.nextOnPath = nextOnPath;
    else path.users = nextOnPath;
    user.nextOnPath = undefined;
    user.previousOnPath = undefined;
    if (!path.users) this.#drop(path);
  }

  #drop(path: Path<User>): void {
    for (const link of path.links) link.unlink();
    let at = this.#paths.get(path.hash);
    if (at === path) {
      if (path.next) this.#paths.set(path.hash, path.next);
      else this.#paths.delete(path.hash);
      return;
    }
    while (at && at.next !== path) at = at.next;
    if (at) at.next = path.next;
  }
}

/** Whoever went by this rule; the caller may remove each. */
export function* usersBy<User extends PathUser<User>>(rule: Rule): Generator<User> {
  for (const path of usersOf<Path<User>>(rule)) {
    for (let user = path.users; user; ) {
      const next: User | undefined = user.nextOnPath;
      yield user;
      user = next;
    }
  }
}

/** What a user keeps of its translation: few teach anybody anything, and the others keep what is the path's. */
export function effectsOf({ bridges, macsRead, fins, buckets }: Effects, shared: Effects): Effects {
  const concerned = bridges.some(isConcerned) ? bridges.filter(isConcerned) : NONE;
  if (concerned.length + macsRead.length + fins.length + buckets.length === 0) return shared;
  const { visits, groupVisits, hops } = shared;
  const own = { bridges: concerned, macsRead: kept(macsRead), fins: kept(fins), buckets: kept(buckets) };
  return { visits, groupVisits, hops, ...own };
}

const isConcerned = ({ macs, learned, mirrored }: Effects['bridges'][number]): boolean =>
  macs.length + learned.length + mirrored.length > 0;

const kept = <T>(list: readonly T[]): readonly T[] => (list.length === 0 ? NONE : list);

function hashOf(visits: readonly Visit[]): number {
  let hash = visits.length;
  for (let i = 0; i < visits.length; i++) {
    const { rule, rewritten } = visits[i]!;
    hash = mix(hash, rule ? rule.serial : 0);
    if (rewritten) for (let j = 0; j < rewritten.values.length; j++) hash = mix(hash, rewritten.values[j]!);
  }
  return hash;
}

function mix(hash: number, word: number): number {
  const h = Math.imul(hash ^ word, 0x9e3779b1);
  return h ^ (h >>> 15);
}

function isSame(a: Effects, b: Effects): boolean {
  return (
    isSameList(a.visits, b.visits, isSameVisit) &&
    isSameList(a.hops, b.hops, isSameHop) &&
    isSameList(a.groupVisits, b.groupVisits, isSameGroupVisit)
  );
}

function isSameList<T>(a: readonly T[], b: readonly T[], same: (a: T, b: T) => boolean): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!same(a[i]!, b[i]!)) return false;
  return true;
}

const isSameVisit = (a: Visit, b: Visit): boolean =>
  a.rule === b.rule && a.table === b.table && a.missed === b.missed && isSameRewritten(a.rewritten, b.rewritten);

const isSameHop = (a: PatchHop, b: PatchHop): boolean => a.from === b.from && a.to === b.to;

const isSameGroupVisit = (a: GroupVisit, b: GroupVisit): boolean => a.group === b.group && a.bucket === b.bucket;

function isSameRewritten(a: Rewritten | undefined, b: Rewritten | undefined): boolean {
  if (a === b) return true;
  if (!a || !b || a.values.length !== b.values.length) return false;
  for (let i = 0; i < a.values.length; i++) {
    if (a.words[i] !== b.words[i] || a.values[i] !== b.values[i]) return false;
  }
  return true;
}
