// What was made with a rule: a list that hangs on the rule, so that a change of one rule finds its megaflows' paths
// (paths.ts) without looking at the others.

import type { Rule, RuleUser } from '../tables/rule.ts';
import type { Visit } from '../xlate/snapshot.ts';

/** One user's place in one rule's list. */
export class RuleLink<User> implements RuleUser {
  readonly user: User;
  readonly rule: Rule;
  next: RuleUser | undefined;
  previous: RuleUser | undefined;

  constructor(user: User, rule: Rule) {
    this.user = user;
    this.rule = rule;
    this.next = rule.users;
    if (rule.users) rule.users.previous = this;
    rule.users = this;
  }

  unlink(): void {
    if (this.previous) this.previous.next = this.next;
    else this.rule.users = this.next;
    if (this.next) this.next.previous = this.previous;
    this.next = undefined;
    this.previous = undefined;
  }
}

/** Links `user` to every rule that was found. */
export function linkRules<User>(user: User, visits: readonly Visit[]): RuleLink<User>[] {
  const links: RuleLink<User>[] = [];
  for (const { rule } of visits) if (rule) links.push(new RuleLink(user, rule));
  return links;
}

/** The users of a rule: all links are made by one owner, which knows their type. */
export function* usersOf<User>(rule: Rule): Generator<User> {
  for (let link = rule.users; link; ) {
    // The caller may unlink it.
    const { next } = link;
    yield (link as RuleLink<User>).user;
    link = next;
  }
}
