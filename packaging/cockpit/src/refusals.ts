// What a refusal means to people, in their language. What has no sentence here says the program's own.

import { Refusal } from "./pam-totp";
import { _, format, ngettext } from "./words";

/** What users see is not so any more: another tab, a shell or an administrator was faster. */
const STALE = ["already_enrolled", "not_enrolled", "device_exists", "no_such_device", "which_device", "only_device", "other_digits"];

/** It is not allowed, or not any more. */
const FINAL = ["not_permitted", "policy_off", "required", "too_many_devices", "same_key", "no_such_user"];

/** A code was refused: the user tries another one in the same form. */
const OF_CODES = ["wrong_code", "used_code", "waiting", "code_needed"];

export const isStale = (refusal: Refusal) => STALE.includes(refusal.code);
export const isFinal = (refusal: Refusal) => FINAL.includes(refusal.code);
export const isOfCode = (refusal: Refusal) => OF_CODES.includes(refusal.code);

export function asRefusal(error: unknown): Refusal {
    // Nothing of what it says goes anywhere: it could quote what was typed.
    return error instanceof Refusal ? error : new Refusal("page", _("The page has a fault. Load it again."));
}

export function sentence(refusal: Refusal): string {
    return sentences()[refusal.code] ?? (refusal.message || _("pam-totp gave no answer."));
}

function sentences(): Record<string, string> {
    return {
        wrong_code: _("The security code is invalid."),
        used_code: _("This code was already used. Wait for the next one."),
        waiting: _("Too many wrong codes were entered."),
        code_needed: _("A current code is needed."),
        not_permitted: _("On this server, only the administrator can do this."),
        policy_off: _("Two-factor authentication is switched off on this server."),
        required: _("This server requires two-factor authentication of you: you can replace it, not remove it."),
        too_many_devices: _("You can have five devices. Remove one first."),
        bad_name: _("A device cannot have this name."),
        no_such_user: _("This server does not know your account."),
        store: _("The server cannot read or write what is enrolled. Its administrator finds out why with \u201cpam-totp doctor\u201d."),
        policy: _("The policy of this server has a fault. Its administrator finds it with \u201cpam-totp policy check\u201d."),
        no_door: _("The service pam-totpd does not run, so nothing can be shown or changed here. The administrator starts it with \u201csystemctl enable --now pam-totpd.socket\u201d."),
        door: _("The service pam-totpd does not answer. Try again; if that does not help, tell the administrator of this server."),
        "cockpit:not-found": _("The program pam-totp is not installed on this server."),
        "cockpit:disconnected": _("The session has ended. Log in again."),
        "cockpit:terminated": _("The session has ended. Log in again."),
        "cockpit:access-denied": _("Administrative access was refused."),
    };
}

/** What to do about a code that was refused. */
export function advice(refusal: Refusal, serverTime: string | null): string[] {
    if (refusal.code === "waiting") {
        return [refusal.codes === null
            ? _("Try again in 10 seconds.")
            : format(_("Now $0 codes in a row are needed: the one that the app shows now, and those that come after it."), refusal.codes)];
    }
    if (refusal.code !== "wrong_code") {
        return [];
    }
    if (refusal.clockOff !== null) {
        const minutes = Math.max(1, Math.round(Math.abs(refusal.clockOff) / 60));
        const apart = refusal.clockOff > 0
            ? ngettext("The clock of your device is $0 minute ahead of this server's.", "The clock of your device is $0 minutes ahead of this server's.", minutes)
            : ngettext("The clock of your device is $0 minute behind this server's.", "The clock of your device is $0 minutes behind this server's.", minutes);
        return [apart, _("Have your device set its time automatically. If its time is right, tell the administrator: the server's clock is wrong.")];
    }
    const clock = serverTime === null ? [] : [format(_("The server's clock says $0. If your device's clock says something else, have it set its time automatically."), serverTime)];
    return [_("Type the code that the app shows now, before the next one comes."), ...clock];
}
