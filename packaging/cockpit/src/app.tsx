// The page: the user's own account, and with administrative access everybody's.

import { PageSection } from "@patternfly/react-core/dist/esm/components/Page";
import { Tab, TabContentBody, Tabs, TabTitleText } from "@patternfly/react-core/dist/esm/components/Tabs";
import { useEffect, useState } from "react";
import { Account } from "./account/account";
import { useAdministrator, useSessionEnded } from "./session";
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
    if (ended) {
        // Behind Cockpit's curtain.
        return null;
    }
    const users = administrator === true;
    return (
        <PageSection hasBodyWrapper={false} isFilled>
            <Tabs activeKey={users ? part : "account"} onSelect={(_event, key) => open(String(key))} mountOnEnter unmountOnExit
                aria-label={_("Two-Factor Authentication")}>
                <Tab eventKey="account" title={<TabTitleText>{_("My account")}</TabTitleText>}>
                    <TabContentBody hasPadding><Account /></TabContentBody>
                </Tab>
                {users && (
                    <Tab eventKey="users" title={<TabTitleText>{_("Manage users")}</TabTitleText>}>
                        <TabContentBody hasPadding><Users /></TabContentBody>
                    </Tab>
                )}
            </Tabs>
        </PageSection>
    );
}
