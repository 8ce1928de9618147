// How to get administrative access, for those who do not have it now.

import { _ } from "../words";

export function NoAccess() {
    return (
        <p className="pam-totp-subtle pam-totp-access">
            {_("To manage other users, click \u201cLimited access\u201d at the top of Cockpit and turn on administrative access.")}
        </p>
    );
}
