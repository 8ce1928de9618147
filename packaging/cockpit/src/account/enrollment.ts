// What "My account" has pam-totp do. Keys and codes go in as lines of standard input.

import type * as json from "../json";
import { ask, changed } from "../pam-totp";

/** Whose account it is, and whether it is root's, of whom no current code is asked. */
export interface Owner {
    name: string;
    root: boolean;
}

/** How many backup codes a new set has. */
const SET = 10;

export interface Standing {
    status: json.Status;
    policy: json.PolicyShow;
}

export async function standing({ name }: Owner): Promise<Standing> {
    const [status, policy] = await Promise.all([
        ask<json.Status>(["status", "--", name]),
        ask<json.PolicyShow>(["policy", "show"]),
    ]);
    return { status, policy };
}

export const generate = ({ name }: Owner) => ask<json.Generate>(["generate", "--qr", "svg", "--", name]);

/** What a new key is for. */
export type Place = { kind: "first" } | { kind: "beside"; device: string } | { kind: "instead"; device: string };

/** Stores a key, proved by its first code, and by a current one where there is something already. */
export async function store(owner: Owner, place: Place, key: json.Generate, code: string, current: string | null, codes: boolean) {
    const options = place.kind === "first" ? [] : [`--device=${place.device}`];
    const instead = place.kind === "instead" ? ["--replace"] : [];
    // The URI says how many digits a code has, too.
    const input = [key.uri, code, ...(current === null ? [] : [current])];
    const words = ["set", ...options, ...instead, `--backup-codes=${codes ? SET : 0}`, "--", owner.name];
    return (await ask<json.Set>(words, { input })).backup_codes;
}

export async function newBackupCodes(owner: Owner, current: string | null) {
    const words = ["backup-codes", `--count=${SET}`, "--", owner.name];
    return (await ask<json.BackupCodes>(words, { input: current === null ? [] : [current] })).backup_codes;
}

/** All of it, or one device. */
export async function remove(owner: Owner, device: string | null, current: string | null) {
    const words = ["remove", ...(device === null ? [] : [`--device=${device}`]), "--", owner.name];
    changed(await ask<json.Remove>(words, { input: current === null ? [] : [current] }));
}

export async function forget(owner: Owner) {
    changed(await ask<json.Forget>(["forget", "--", owner.name]));
}
