// The page: the user's own account, those of users in their care, and with administrative access everybody's.

import { Tab, Tabs, TabTitleText } from "@patternfly/react-core/dist/esm/components/Tabs";
import { useEffect, useRef, useState } from "react";
import { Account } from "./account/account";
import { Delegated } from "./delegate/delegated";
import { useDelegate } from "./delegate/rights";
import { Ended, useAdministrator, useSessionEnded } from "./session";
import { NoAccess } from "./users/access";
import { Users } from "./users/users";
import { _ } from "./words";

/** Which part is open stands in the URL, so that the browser's Back does what people expect. */
function usePart(): [Part, (part: Part) => void] {
    const of = () => PARTS.find(part => part === cockpit.location.path[0]) ?? "account";
    const [part, setPart] = useState(of);
    useEffect(() => {
        const look = () => setPart(of());
        cockpit.addEventListener("locationchanged", look);
        return () => cockpit.removeEventListener("locationchanged", look);
    }, []);
    return [part, part => cockpit.location.go(part === "account" ? [] : [part])];
}

const PARTS = ["account", "delegated", "users"] as const;
type Part = typeof PARTS[number];

function heading(part: Part): string {
    switch (part) {
        case "account": return _("My account");
        case "delegated": return _("Your users");
        case "users": return _("Manage users");
    }
}

export function App() {
    const administrator = useAdministrator();
    const ended = useSessionEnded();
    const [part, open] = usePart();
    const delegate = useDelegate();
    const parts = PARTS.filter(part => part === "account" || (part === "users" ? administrator === true : delegate !== null));
    const shown = parts.includes(part) ? part : "account";
    const lost = useRef(false);
    return (
        <main>
            <h1 className="pf-v6-screen-reader">{_("Two-Factor Authentication")}</h1>
            {parts.length > 1 && (
                <Tabs activeKey={shown} onSelect={(_event, key) => open(key as Part)} aria-label={_("Two-Factor Authentication")}>
                    {parts.map(part => (
                        <Tab key={part} eventKey={part} id={`tab-${part}`} title={<TabTitleText>{heading(part)}</TabTitleText>} tabContentId="part" />
                    ))}
                </Tabs>
            )}
            {/* One of them alone is there, so that nothing of the other stays. */}
            <div id="part" {...(parts.length > 1 ? { role: "tabpanel", "aria-labelledby": `tab-${shown}` } : {})}>
                <Ended value={ended}>
                    {shown === "users" ? <Users />
                        : shown === "delegated" && delegate !== null ? <Delegated delegate={delegate} /> : <Account lost={lost} />}
                </Ended>
                {administrator === false && <NoAccess />}
            </div>
        </main>
    );
}
