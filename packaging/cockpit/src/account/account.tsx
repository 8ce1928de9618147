// "My account": what users do for themselves, without administrative access.

import { Content } from "@patternfly/react-core/dist/esm/components/Content";
import { useEffect, useState } from "react";
import type * as json from "../json";
import { ask } from "../pam-totp";
import { _ } from "../words";

export function Account() {
    const [status, setStatus] = useState<json.Status | null>(null);
    useEffect(() => {
        void cockpit.user().then(({ name }) => ask<json.Status>(["status", "--", name])).then(setStatus);
    }, []);
    return <Content component="h2">{status?.enrolled ? _("Set Up") : _("Set Up Two-Factor Authentication")}</Content>;
}
