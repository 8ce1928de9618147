// What the program says, in its own words: names of commands stand between backticks there.

import { Fragment } from "react";

export function Said({ children }: { children: string }) {
    const parts = children.split("`");
    return (
        <span className="pam-totp-words">
            {parts.map((part, index) => index % 2 === 1 ? <code key={index}>{part}</code> : <Fragment key={index}>{part}</Fragment>)}
        </span>
    );
}
