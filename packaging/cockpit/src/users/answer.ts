// What the program answers an administrator, asked again whenever something was changed.

import { useCallback, useEffect, useState } from "react";
import { ask } from "../pam-totp";

export interface Asked<Answer> {
    /** Null until it is there. The last one stays while the next is asked for. */
    answer: Answer | null;
    /** Why there is none. */
    fault: unknown;
    again: () => void;
}

/** Asks again, too, when `version` changes; nothing while `isDue` is false. */
export function useAnswer<Answer>(command: string, version = 0, isDue = true): Asked<Answer> {
    const [answer, setAnswer] = useState<Answer | null>(null);
    const [fault, setFault] = useState<unknown>(null);
    const [asked, setAsked] = useState(0);
    useEffect(() => {
        if (!isDue) return undefined;
        const leaving = new AbortController();
        const heard = (answer: Answer | null, fault: unknown) => {
            if (leaving.signal.aborted) return;
            setFault(fault);
            if (answer !== null) setAnswer(answer);
        };
        ask<Answer>(command.split(" "), { admin: true, signal: leaving.signal }).then(answer => heard(answer, null), fault => heard(null, fault));
        return () => leaving.abort();
    }, [command, version, asked, isDue]);
    return { answer, fault, again: useCallback(() => setAsked(asked => asked + 1), []) };
}
