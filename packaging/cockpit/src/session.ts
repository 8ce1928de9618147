// When what is secret must go: the page is left, or its session has ended.

import { createContext, useEffect, useState } from "react";

/** Calls `go` when the user leaves the page: for another one of Cockpit's, which keeps this one alive and hidden, or at all. */
export function useLeaving(go: () => void) {
    useEffect(() => {
        // Another tab of the browser is not another page: there may be the password manager.
        const look = () => { if (cockpit.hidden && !document.hidden) go(); };
        cockpit.addEventListener("visibilitychange", look);
        window.addEventListener("pagehide", go);
        return () => {
            cockpit.removeEventListener("visibilitychange", look);
            window.removeEventListener("pagehide", go);
        };
    }, [go]);
}

/** Milliseconds in which a session answers. */
const HEARTBEAT = 5000;

/** Whether the session is over: what has a secret in it shows nothing then. */
export const Ended = createContext(false);

/**
 * Cockpit draws a curtain over the page when the session ends, and what is behind it stays; it tells the page nothing. So the
 * session is asked all the time, and one that was only slow finds its page as it was.
 */
export function useSessionEnded(): boolean {
    const [ended, setEnded] = useState(false);
    useEffect(() => {
        let left = false;
        let waiting = false;
        const channel = cockpit.channel({ payload: "echo" });
        channel.addEventListener("message", () => { waiting = false; setEnded(false); });
        channel.addEventListener("close", () => { if (!left) setEnded(true); });
        const timer = setInterval(() => {
            if (waiting) {
                setEnded(true);
            }
            waiting = true;
            channel.send(".");
        }, HEARTBEAT);
        return () => { left = true; clearInterval(timer); channel.close(); };
    }, []);
    return ended;
}

/** Whether the user is an administrator now; null where it is not known yet. */
export function useAdministrator(): boolean | null {
    const [allowed, setAllowed] = useState<boolean | null>(null);
    useEffect(() => {
        const permission = cockpit.permission({ admin: true });
        const look = () => setAllowed(permission.allowed);
        permission.addEventListener("changed", look);
        look();
        return () => { permission.removeEventListener("changed", look); permission.close(); };
    }, []);
    return allowed;
}
