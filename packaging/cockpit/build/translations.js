// The scripts that Cockpit loads for a language: po/LANGUAGE.po, which must have every sentence of the page and no other.
import { readFile, readdir } from "node:fs/promises";
import { po } from "gettext-parser";
import { messages } from "./messages.js";

export async function translations(page) {
    const wanted = await messages(page);
    const files = (await readdir(`${page}/po`)).filter(file => file.endsWith(".po")).sort();
    const scripts = files.map(async file => {
        const catalog = po.parse(await readFile(`${page}/po/${file}`));
        const language = file.replace(/\.po$/, "");
        const text = script(file, catalog, wanted);
        // The menu of newer Cockpits reads the second one.
        return [`po.${language}.js`, `po.manifest.${language}.js`].map(name => ({ name, script: text }));
    });
    return (await Promise.all(scripts)).flat();
}

function script(file, { headers, translations }, wanted) {
    const { "": head, ...entries } = translations[""];
    const faults = [
        ...[...wanted.keys()].filter(message => !isWhole(entries[message], wanted.get(message))).map(m => `missing: ${m}`),
        ...Object.keys(entries).filter(message => !wanted.has(message)).map(m => `not in the page: ${m}`),
    ];
    if (faults.length > 0) {
        throw new Error(`po/${file}:\n${faults.join("\n")}`);
    }
    const plural = /plural=([n0-9()!=<>?:&|% ]+);?$/.exec(headers["Plural-Forms"])[1];
    const texts = Object.entries(entries).sort(([one], [other]) => one < other ? -1 : 1);
    const catalog = [
        `"":{"plural-forms":(n)=>${plural},language:${JSON.stringify(headers.Language)},"language-direction":"ltr"}`,
        ...texts.map(([message, { msgstr }]) => `${JSON.stringify(message)}:${JSON.stringify([null, ...msgstr])}`),
    ];
    return `cockpit.locale({${catalog.join(",\n")}});\n`;
}

function isWhole(entry, plural) {
    const forms = plural === null ? 1 : 2;
    return entry !== undefined && entry.msgstr.length === forms && entry.msgstr.every(text => text !== "") &&
        (entry.msgid_plural ?? null) === plural;
}
