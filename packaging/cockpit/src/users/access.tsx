// How to get administrative access, for those who do not have it now.

import { _ } from "../words";

export function NoAccess() {
    return (
        <p className="pam-totp-subtle">
            {_("To manage other users, turn on administrative access: \u201cLimited access\u201d at the top of Cockpit.")}
        </p>
    );
}
