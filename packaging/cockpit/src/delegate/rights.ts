// What root has delegated to the user of the session, and how it is asked for: each call takes a current code of their own.

import { useEffect, useState } from "react";
import type * as json from "../json";
import { ask, changed } from "../pam-totp";
import { person, type Listed, type Person } from "../users/people";

export type Right = "status" | "list" | "unlock" | "remove" | "backup-codes";

export interface Delegate {
    may: (right: Right) => boolean;
    /** Digits of their own codes. */
    digits: number;
}

/** Null: nothing, or nobody can tell. */
export function useDelegate(): Delegate | null {
    const [delegate, setDelegate] = useState<Delegate | null>(null);
    useEffect(() => {
        const look = ({ delegate = [], devices }: json.Status) => {
            if (delegate.length > 0) {
                setDelegate({ may: right => delegate.includes(right), digits: devices[0]?.digits ?? 6 });
            }
        };
        ask<json.Status>(["status"]).then(look, () => setDelegate(null));
    }, []);
    return delegate;
}

export async function list(code: string): Promise<Person[]> {
    const { users } = await ask<json.List>(["list"], { input: [code] });
    return (users as Listed[]).map(person);
}

export async function status(name: string, code: string): Promise<Person> {
    return person(await ask<json.Status>(["status", "--", name], { input: [code] }));
}

export async function unlock(name: string, code: string) {
    changed(await ask<json.Unlock>(["unlock", "--", name], { input: [code] }));
}

export async function disable(name: string, code: string) {
    changed(await ask<json.Remove>(["disable", "--", name], { input: [code] }));
}

/** How long a backup code of a help desk counts. */
export const HOURS = 1;

export async function backupCode(name: string, code: string): Promise<{ code: string; until: number }> {
    const answer = await ask<json.BackupCodes>(["backup-codes", `--expires=${HOURS}h`, "--", name], { input: [code] });
    return { code: answer.backup_codes[0] ?? "", until: answer.until_at ?? 0 };
}
