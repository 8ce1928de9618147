// Writes src/json.ts, what `pam-totp --json` answers, from the reference in docs/json.md, which a test holds to the program.
import { readFile, writeFile } from "node:fs/promises";

const at = path => new URL(path, import.meta.url);
const reference = (await readFile(at("../../../docs/json.md"), "utf8")).split("\n## Reference\n")[1];
const sections = reference.split(/\n### /).slice(1).map(declaration);
await writeFile(at("../src/json.ts"), `// Written by build/types.js from docs/json.md.\n\n${sections.join("\n")}`);

function declaration(section) {
    const [heading, ...lines] = section.split("\n");
    const fields = lines.map(line => /^\| `(\w+)` \| (.*?) \| (.*) \|$/.exec(line)).filter(row => row !== null);
    const members = fields.map(([, name, type, comment]) => {
        const [kind, absent] = type.split(", may be absent");
        return `    /** ${comment} */\n    ${name}${absent === undefined ? "" : "?"}: ${typeOf(kind)};\n`;
    });
    return `export interface ${nameOf(heading.split(",")[0])} {\n${members.join("")}}\n`;
}

/// `backup-codes` is BackupCodes, and "Answer of PAM's" is AnswerOfPams.
function nameOf(heading) {
    const words = heading.toLowerCase().replace(/[`'\u2019]/g, "").split(/[^a-z]+/).filter(word => word !== "");
    return words.map(word => word[0].toUpperCase() + word.slice(1)).join("");
}

function typeOf(words) {
    const [kind, ...more] = words.split(" or ").map(word => word.trim());
    if (more.length > 0 && kind.startsWith("list of ")) {
        return `(${[kind.slice(8), ...more].map(typeOf).join(" | ")})[]`;
    }
    if (more.length > 0) {
        return [kind, ...more].map(typeOf).join(" | ");
    }
    const by = /^by (?:name|key): (.*)$/.exec(words);
    if (by !== null) {
        return `Record<string, ${typeOf(by[1])}>`;
    }
    if (words.startsWith("list of ")) {
        return `${typeOf(words.slice(8))}[]`;
    }
    const link = /^\[.*\]\(#(.*)\)$/.exec(words);
    if (link !== null) {
        return nameOf(link[1]);
    }
    return ["string", "number", "boolean", "null"].includes(words) ? words : "unknown";
}
