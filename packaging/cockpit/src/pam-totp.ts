// The program `pam-totp --json`: the one thing that the page asks, and all that it knows.

import type * as json from "./json";

/** A no: of the program, or of Cockpit, which could not run it. */
export class Refusal extends Error {
    constructor(
        /** A word of the program's errors, or of Cockpit's with `cockpit:` before it. */
        readonly code: string,
        message: string,
        /** What the program says of it besides. */
        private readonly more: Partial<json.Error> = {},
    ) {
        super(message);
    }

    /** With `waiting`: so many codes in a row are looked at. */
    get codes() { return this.more.codes ?? null; }

    /** With `wrong_code`, where it explains the code: seconds that the device's clock is ahead. */
    get clockOff() { return this.more.clock_off ?? null; }

    /** It was the code of what is enrolled, not that of a new key. */
    get isOfCurrent() { return this.more.current ?? false; }

    static of(error: json.Error) { return new Refusal(error.code, error.message, error); }
}

export interface Call {
    /** As an administrator. Else as the user of the session. */
    admin?: boolean;
    /** Lines of standard input, where nobody else on the host can read: keys and codes. */
    input?: readonly string[];
    /** Ends the program where nobody waits for its answer any more. */
    signal?: AbortSignal;
}

/** Runs a command, and gives its answer. Names that somebody chose stand behind `--` in `words`. */
export async function ask<Answer>(words: readonly string[], { admin = false, input = [], signal }: Call = {}): Promise<Answer> {
    let text = "";
    const options: cockpit.SpawnOptions = { err: "message", environ: ["LC_ALL=C.UTF-8"] };
    const process = cockpit.spawn(["pam-totp", "--json", ...words], admin ? { ...options, superuser: "require" } : options);
    signal?.addEventListener("abort", () => process.close("cancelled"));
    // What it says is on stdout too where it says no.
    process.stream(part => { text += part; });
    process.input(input.map(line => `${line}\n`).join(""));
    const problem = await process.then(() => null, (problem: cockpit.Problem) => problem);
    const answer = parsed(text);
    const error = errorOf(answer);
    if (error !== null) {
        throw Refusal.of(error);
    }
    // Some of many users: the answer says which.
    if (answer === null || (problem !== null && problem.exit_status == null)) {
        throw new Refusal(`cockpit:${problem?.problem ?? "no-answer"}`, problem?.message ?? "");
    }
    return answer as Answer;
}

/** Of one object of JSON; null where it is none. */
export function parsed(text: string): object | null {
    try {
        const answer: unknown = JSON.parse(text);
        return typeof answer === "object" ? answer : null;
    } catch {
        return null;
    }
}

function errorOf(answer: object | null): json.Error | null {
    return answer !== null && "error" in answer ? (answer as json.Failure).error : null;
}

/** Of a change of one user: the error that it came to for that user, if any. */
export function changed<Answer extends { failed: Record<string, json.Error> }>(answer: Answer): Answer {
    const [error] = Object.values(answer.failed);
    if (error !== undefined) {
        throw Refusal.of(error);
    }
    return answer;
}
