// The page: the user's own account, and with administrative access everybody's.

import { Tab, Tabs, TabTitleText } from "@patternfly/react-core/dist/esm/components/Tabs";
import { useEffect, useRef, useState } from "react";
import { Account } from "./account/account";
import { Ended, useAdministrator, useSessionEnded } from "./session";
import { NoAccess } from "./users/access";
import { Users } from "./users/users";
import { _ } from "./words";

/** Which part is open stands in the URL, so that the browser's Back does what people expect. */
function usePart(): [string, (part: string) => void] {
    const of = () => cockpit.location.path[0] === "users" ? "users" : "account";
    const [part, setPart] = useState(of);
    useEffect(() => {
        const look = () => setPart(of());
        cockpit.addEventListener("locationchanged", look);
        return () => cockpit.removeEventListener("locationchanged", look);
    }, []);
    return [part, part => cockpit.location.go(part === "users" ? ["users"] : [])];
}

export function App() {
    const administrator = useAdministrator();
    const ended = useSessionEnded();
    const [part, open] = usePart();
    const users = administrator === true;
    const shown = users ? part : "account";
    const lost = useRef(false);
    return (
        <main>
            <h1 className="pf-v6-screen-reader">{_("Two-Factor Authentication")}</h1>
            {users && (
                <Tabs activeKey={shown} onSelect={(_event, key) => open(String(key))} aria-label={_("Two-Factor Authentication")}>
                    <Tab eventKey="account" id="tab-account" title={<TabTitleText>{_("My account")}</TabTitleText>} tabContentId="part" />
                    <Tab eventKey="users" id="tab-users" title={<TabTitleText>{_("Manage users")}</TabTitleText>} tabContentId="part" />
                </Tabs>
            )}
            {/* One of them alone is there, so that nothing of the other stays. */}
            <div id="part" {...(users ? { role: "tabpanel", "aria-labelledby": `tab-${shown}` } : {})}>
                <Ended value={ended}>{shown === "users" ? <Users /> : <Account lost={lost} />}</Ended>
                {administrator === false && <NoAccess />}
            </div>
        </main>
    );
}
