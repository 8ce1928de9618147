// Names that the program gives in English, in the language of the session.

import type * as json from "../json";
import { _ } from "../words";

/** What people call a service. Names that are the same in every language stay. */
export function program({ service, title }: json.ListedStack): string {
    switch (title) {
        case "Console login": return _("Console login");
        case "pkexec and run0": return _("pkexec and run0");
        case "Remote desktop (xrdp)": return _("Remote desktop (xrdp)");
        case "Mail (Dovecot)": return _("Mail (Dovecot)");
        case "Printing (CUPS)": return _("Printing (CUPS)");
        default: return title ?? service;
    }
}

export function subject({ about, title }: json.Section): string {
    switch (about) {
        case "clock": return _("Clock");
        case "store": return _("Keys and records");
        case "labels": return _("SELinux labels");
        case "policy": return _("Policy");
        case "module": return _("PAM module");
        case "stacks": return _("PAM stacks");
        case "programs": return _("Programs");
        case "sshd": return _("SSH server");
        case "doctor": return _("What could not be checked");
        default: return title;
    }
}

export function level(level: string): string {
    switch (level) {
        case "fine": return _("In order");
        case "note": return _("Note");
        case "warning": return _("Warning");
        default: return _("Fault");
    }
}

export function place({ lane, place }: json.Wait): string {
    switch (lane.split("/")[0]) {
        case "local": return _("this host");
        case "door": return _("programs that run without root");
        case "judges": return _("programs with an account of their own");
        case "other": return _("places without a login before");
        default: return place;
    }
}

/** What becomes of users once they have no device. */
export function afterwards({ enabled, unenrolled, from_file }: json.PolicyShow): string {
    if (!enabled) {
        return _("The policy is disabled: nobody is asked for a code.");
    }
    if (!from_file.includes("unenrolled")) {
        return _("Programs that ask for a code will then refuse them, or let them in without one, as their PAM stack says.");
    }
    switch (unenrolled) {
        case "allow": return _("They can then log in without a code.");
        case "enroll": return _("They will have to set it up again at their next login.");
        default: return _("Programs that ask for a code will then refuse them until they are enrolled again.");
    }
}
