// The server's clock, by which codes are judged: that of the browser may be wrong.

import { useEffect, useState } from "react";

/** Seconds since 1970 as the server counts them, second by second; it said `at` when this was shown first. */
export function useServerClock(at: number): number {
    const [now, setNow] = useState(at);
    useEffect(() => {
        const shown = performance.now();
        const tick = () => setNow(at + Math.floor((performance.now() - shown) / 1000));
        tick();
        const timer = setInterval(tick, 250);
        return () => clearInterval(timer);
    }, [at]);
    return now;
}

/** What an `otpauth://` URI says of its codes. */
export function formOf(uri: string): { digits: number; period: number } {
    const said = new URLSearchParams(uri.split("?")[1]);
    const number = (name: string, usual: number) => Number(said.get(name) ?? usual);
    return { digits: number("digits", 6), period: number("period", 30) };
}
