// Changes of several users: one who cannot be changed stops no other.

import type * as json from "../json";
import { ask } from "../pam-totp";

/** So many names fit well into one command. */
const AT_ONCE = 500;

export interface Changed {
    what: "disabled" | "unlocked";
    modified: string[];
    failed: Record<string, json.Error>;
    notes: string[];
}

type Answer = Pick<json.Remove, "modified" | "failed"> & { notes?: string[] };

export async function disable(names: readonly string[]): Promise<Changed> {
    const sum = none("disabled");
    for (let at = 0; at < names.length; at += AT_ONCE) {
        add(sum, await ask<Answer>(["disable", "--", ...names.slice(at, at + AT_ONCE)], { admin: true }));
    }
    return sum;
}

/** Everybody's but the caller's own. `own`: whom the session knows as such. */
export async function disableAll(own: readonly string[]): Promise<Changed> {
    const except = own.map(name => `--except=${name}`);
    return add(none("disabled"), await ask<Answer>(["disable", "--all", ...except, "--yes"], { admin: true }));
}

export async function unlock(name: string): Promise<Changed> {
    return add(none("unlocked"), await ask<Answer>(["unlock", "--", name], { admin: true }));
}

function none(what: Changed["what"]): Changed {
    return { what, modified: [], failed: {}, notes: [] };
}

function add(sum: Changed, { modified, failed, notes = [] }: Answer): Changed {
    sum.modified.push(...modified);
    Object.assign(sum.failed, failed);
    sum.notes.push(...notes);
    return sum;
}
