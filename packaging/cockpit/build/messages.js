// The sentences of the page: the first argument of each `_(...)`, the first two of each `ngettext(...)`.
import { readFile, readdir } from "node:fs/promises";
import ts from "typescript";

/// By the sentence: its plural, where it has one.
export async function messages(page) {
    const found = new Map();
    const manifest = JSON.parse(await readFile(`${page}/manifest.json`, "utf8"));
    for (const { label } of Object.values(manifest.menu)) {
        found.set(label, null);
    }
    const files = await readdir(`${page}/src`, { recursive: true });
    for (const file of files.filter(file => /\.tsx?$/.test(file)).sort()) {
        const text = await readFile(`${page}/src/${file}`, "utf8");
        const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
        walk(source, call => {
            const name = call.expression.getText(source);
            const sentence = index => {
                const argument = call.arguments[index];
                if (argument === undefined || !ts.isStringLiteralLike(argument)) {
                    throw new Error(`${file}: ${call.getText(source)}: a message must be a string`);
                }
                return argument.text;
            };
            if (name === "_") {
                found.set(sentence(0), null);
            } else if (name === "ngettext") {
                found.set(sentence(0), sentence(1));
            }
        });
    }
    return found;
}

function walk(node, see) {
    if (ts.isCallExpression(node)) {
        see(node);
    }
    ts.forEachChild(node, child => walk(child, see));
}
