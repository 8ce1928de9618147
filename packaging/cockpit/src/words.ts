// Sentences in the language of the session, and moments as its people write them.

export const _ = (message: string) => cockpit.gettext(message);
/** With `$0` and so on replaced: by the count, where nothing else is named. */
export const ngettext = (one: string, more: string, count: number, ...values: (string | number)[]) =>
    cockpit.format(cockpit.ngettext(one, more, count), ...(values.length > 0 ? values : [count]));
/** With `$0` and so on replaced. */
export const format = (template: string, ...values: (string | number)[]) => cockpit.format(template, ...values);

/** Cockpit writes `pt_BR` and `zh_cn` for what the browser calls `pt-BR`. */
function locale() {
    const language = cockpit.language.replace("_", "-");
    return Intl.DateTimeFormat.supportedLocalesOf([language]).length > 0 ? language : "en";
}

export const day = (at: number) =>
    new Intl.DateTimeFormat(locale(), { dateStyle: "long" }).format(at * 1000);
export const moment = (at: number) =>
    new Intl.DateTimeFormat(locale(), { dateStyle: "long", timeStyle: "short" }).format(at * 1000);
export const clockTime = (at: number) =>
    new Intl.DateTimeFormat(locale(), { timeStyle: "medium" }).format(at * 1000);
