// When what is secret must go: the page is left, or its session has ended.

import { useEffect, useState } from "react";

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

/** Whether the session is over. Cockpit draws a curtain over the page then, and what is behind it stays. */
export function useSessionEnded(): boolean {
    const [ended, setEnded] = useState(false);
    useEffect(() => {
        let left = false;
        const channel = cockpit.channel({ payload: "echo" });
        channel.addEventListener("close", () => { if (!left) setEnded(true); });
        return () => { left = true; channel.close(); };
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
