// How many people something refuses, in sentences.

import type * as json from "../json";
import { ask } from "../pam-totp";
import { _, format } from "../words";

/** None where nobody is. Who is asked is told first of all that they are among them. */
export async function refusedPeople({ accounts, unenrolled, refused }: json.WhoIsRefused): Promise<string[]> {
    if (refused === 0) return [];
    const { name } = await cockpit.user();
    const { enrolled } = await ask<json.Status>(["status", "--", name], { admin: true });
    const own = enrolled ? [] : [_("You are not enrolled yourself.")];
    const count = _("$0 of $1 users with a login shell are not enrolled, and $2 of them are refused.");
    return [...own, format(count, unenrolled, accounts, refused)];
}

/** The same by the policy as it is at this moment: somebody may have switched it since the page read it. */
export async function refusedNow(people: json.WhoIsRefused | undefined): Promise<string[]> {
    const { enabled } = await ask<json.PolicyShow>(["policy", "show"], { admin: true });
    if (!enabled) return [];
    return people === undefined ? [_("How many users would be refused cannot be told.")] : refusedPeople(people);
}
