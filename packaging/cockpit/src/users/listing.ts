// Everybody whom `pam-totp list` knows, line by line: ten thousand are shown while the rest still comes.

import { useCallback, useEffect, useState } from "react";
import type * as json from "../json";
import { Refusal, parsed } from "../pam-totp";
import { person, type Listed, type Person } from "./people";

/** So long the table stays as it is while more users come. */
const PAUSE = 500;

type Line = Listed | json.List | json.Failure;

export interface Listing {
    people: Person[];
    /** Are these all? */
    isWhole: boolean;
    /** Who runs this, as the program has it. */
    caller: string | null;
    warnings: string[];
    fault: unknown;
    again: () => void;
}

const EMPTY = { people: [] as Person[], isWhole: false, caller: null, warnings: [], fault: null };

/** Reads it again when `version` changes. */
export function useListing(version: number): Listing {
    const [listing, setListing] = useState<Omit<Listing, "again">>(EMPTY);
    const [asked, setAsked] = useState(0);
    useEffect(() => {
        const people: Person[] = [];
        const leaving = new AbortController();
        const { signal } = leaving;
        // What was there before stays until all is read: nobody loses the place where they are.
        const show = () => setListing(old => old.isWhole ? old : { ...EMPTY, people: [...people] });
        const timer = setInterval(show, PAUSE);
        const all = async () => {
            await list([], signal, listed => people.push(person(listed)));
            return await list(["--unenrolled"], signal, listed => people.push(person(listed)));
        };
        const end = (rest: Omit<Listing, "again" | "people">) => {
            clearInterval(timer);
            if (!signal.aborted) setListing({ people, ...rest });
        };
        all().then(
            ({ caller, warnings }) => end({ isWhole: true, caller, warnings: warnings ?? [], fault: null }),
            // What was read before stays, and says whose account is the viewer's own.
            fault => { clearInterval(timer); if (!signal.aborted) setListing(old => ({ ...old, fault })); },
        );
        return () => { leaving.abort(); clearInterval(timer); };
    }, [version, asked]);
    return { ...listing, again: useCallback(() => setAsked(asked => asked + 1), []) };
}

async function list(filters: readonly string[], signal: AbortSignal, see: (listed: Listed) => void): Promise<json.List> {
    signal.throwIfAborted();
    const argv = ["pam-totp", "--json-lines", "list", ...filters];
    const process = cockpit.spawn(argv, { err: "message", environ: ["LC_ALL=C.UTF-8"], superuser: "require" });
    signal.addEventListener("abort", () => process.close("cancelled"));
    let last: json.List | json.Failure | null = null;
    let isBroken = false;
    let rest = "";
    process.stream(part => {
        const lines = (rest + part).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
            const object = parsed(line) as Line | null;
            if (object === null) isBroken = true;
            // No other line has it.
            else if ("version" in object) last = object as json.List | json.Failure;
            else see(object as Listed);
        }
    });
    const problem = await process.then(() => null, (problem: cockpit.Problem) => problem);
    // One user may be missing from it.
    return whole(isBroken ? null : last, problem);
}

/** Without its last line the list is not complete. */
function whole(last: json.List | json.Failure | null, problem: cockpit.Problem | null): json.List {
    if (last === null) {
        throw new Refusal(`cockpit:${problem?.problem ?? "no-answer"}`, problem?.message ?? "");
    }
    if ("error" in last) {
        throw new Refusal(last.error.code, last.error.message);
    }
    return last;
}
