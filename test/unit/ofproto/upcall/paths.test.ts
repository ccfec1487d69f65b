import { describe, expect, it } from 'vitest';
import { emptyMatch } from '../../../../ofproto/model/flow.ts';
import { FlowTable } from '../../../../ofproto/tables/flow-table.ts';
import { Rule } from '../../../../ofproto/tables/rule.ts';
import { effectsOf, type Path, PathTable, type PathUser, usersBy } from '../../../../ofproto/upcall/paths.ts';
import type { Effects, Visit } from '../../../../ofproto/xlate/snapshot.ts';

class User implements PathUser<User> {
  path: Path<User>;
  nextOnPath: User | undefined;
  previousOnPath: User | undefined;

  constructor(path: Path<User>) {
    this.path = path;
  }
}

const table = new FlowTable(0);

function rule(): Rule {
  const flags = { sendFlowRem: false, checkOverlap: false, resetCounts: false, noPktCounts: false, noBytCounts: false };
  const timeouts = { idleTimeout: 0, hardTimeout: 0, importance: 0 };
  return new Rule(0, { priority: 1, match: emptyMatch(), cookie: 0n, ...timeouts, flags, actions: [] }, 0);
}

function effects(...visits: Visit[]): Effects {
  return { visits, groupVisits: [], hops: [], bridges: [], macsRead: [], fins: [], buckets: [] };
}

const visit = (found: Rule | undefined, value?: number): Visit => ({
  table,
  rule: found,
  rewritten: value === undefined ? undefined : { words: Uint8Array.of(70), values: Uint32Array.of(value) },
});

function join(paths: PathTable<User>, made: Effects): User {
  const user = new User(paths.find(made));
  paths.add(user);
  return user;
}

describe('PathTable', () => {
  it('gives one path to all that found the same rules, and finds them by each', () => {
    const paths = new PathTable<User>();
    const [first, second] = [rule(), rule()];
    const users = [1, 2, 3].map(() => join(paths, effects(visit(first), visit(second))));
    const other = join(paths, effects(visit(first)));
    expect(new Set(users.map(({ path }) => path)).size).toBe(1);
    expect(other.path).not.toBe(users[0]!.path);
    expect(new Set(usersBy<User>(first))).toEqual(new Set([...users, other]));
    expect(new Set(usersBy<User>(second))).toEqual(new Set(users));
  });

  it('tells apart what look-ups saw that actions had written, and look-ups that found nothing', () => {
    const paths = new PathTable<User>();
    const found = rule();
    const seen = [visit(found), visit(found, 1), visit(found, 2), visit(undefined)].map((one) => effects(one));
    expect(new Set(seen.map((one) => join(paths, one).path)).size).toBe(4);
    expect(join(paths, effects(visit(found, 2))).path).toBe(paths.find(seen[2]!));
  });

  it('lets a path go with its last user, whatever the order', () => {
    const paths = new PathTable<User>();
    const found = rule();
    const users = [1, 2, 3].map(() => join(paths, effects(visit(found))));
    const { path } = users[0]!;
    for (const user of [users[1]!, users[2]!]) paths.remove(user);
    expect([...usersBy<User>(found)]).toEqual([users[0]]);
    paths.remove(users[0]!);
    expect(found.users).toBeUndefined();
    expect(join(paths, effects(visit(found))).path).not.toBe(path);
  });
});

describe('effectsOf()', () => {
  it("keeps only the path's own when a translation teaches nobody", () => {
    const shared = new PathTable<User>().find(effects(visit(rule()))).effects;
    const bridges = [{ bridge: undefined as never, mirrored: [], macs: [], learned: [] }];
    expect(effectsOf({ ...effects(), bridges }, shared)).toBe(shared);
    expect(effectsOf({ ...effects(), macsRead: [5] }, shared)).toMatchObject({ visits: shared.visits, macsRead: [5] });
  });
});
