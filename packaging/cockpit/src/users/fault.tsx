// Why something did not work, in a sentence.

import { Alert, AlertActionLink } from "@patternfly/react-core/dist/esm/components/Alert";
import { Refusal } from "../pam-totp";
import { _ } from "../words";
import { Said } from "./said";

/** The program's own words stand below it: they say what to do. */
function title(code: string): string {
    switch (code) {
        case "not_permitted": return _("You are not allowed to do this.");
        case "no_such_user": return _("There is no such user.");
        case "not_enrolled": return _("This user is not enrolled any more.");
        case "policy": return _("The policy has a fault.");
        case "store": return _("The keys and records cannot be used.");
        case "bad_name":
        case "bad_value": return _("This value cannot be used.");
        case "cockpit:not-found": return _("The program pam-totp is not installed.");
        case "cockpit:access-denied": return _("Administrative access was refused.");
        case "cockpit:terminated":
        case "cockpit:disconnected": return _("The connection to this host has ended.");
        default: return _("This did not work.");
    }
}

export function Fault({ fault, again }: { fault: unknown; again?: () => void }) {
    if (fault === null) return null;
    const { code, message } = fault instanceof Refusal ? fault : new Refusal("", String(fault));
    return (
        <Alert variant="danger" component="p" isInline isLiveRegion title={title(code)} className="pam-totp-notice"
            actionLinks={again && <AlertActionLink onClick={again}>{_("Try again")}</AlertActionLink>}>
            <Said>{message}</Said>
        </Alert>
    );
}
