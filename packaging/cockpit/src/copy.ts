// What is copied for people.

import { _ } from "./words";

/** Browsers have no clipboard for pages without TLS: there what is shown is selected and copied as by hand. */
export async function copy(text: string, list: HTMLElement | null): Promise<string> {
    try {
        await navigator.clipboard.writeText(text);
        return _("Copied.");
    } catch {
        if (list !== null) {
            window.getSelection()?.selectAllChildren(list);
        }
        return document.execCommand("copy") ? _("Copied.") : _("Your browser does not let this page copy.");
    }
}
