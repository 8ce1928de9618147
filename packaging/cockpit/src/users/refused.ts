// How many people something refuses, in sentences.

import type * as json from "../json";
import { _, format } from "../words";

/** None where nobody is. */
export function refusedPeople({ accounts, unenrolled, refused }: json.WhoIsRefused): string[] {
    if (refused === 0) return [];
    return [
        format(_("$0 of $1 users with a login shell are not enrolled, and $2 of them are refused."), unenrolled, accounts, refused),
    ];
}
