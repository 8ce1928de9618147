// The packages of npm that are in the page, and under which licenses they are.
import { readFile, readdir } from "node:fs/promises";

/// Names and versions, by what went into the bundle, so that tools of the build are not among them.
export async function packages(page, metafile) {
    const names = Object.keys(metafile.inputs).map(path => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
    const sorted = [...new Set(names.filter(name => name !== undefined))].sort();
    return Promise.all(sorted.map(async name => {
        const text = await readFile(`${page}/node_modules/${name}/package.json`, "utf8");
        const { version, license } = JSON.parse(text);
        return { name, version, license };
    }));
}

/// What the license of a package does not say.
const ICONS = {
    "@patternfly/react-icons":
        "\nIts pictures are those of Font Awesome Free 5, Copyright (c) Fonticons, Inc. (https://fontawesome.com), under the\n" +
        "Creative Commons Attribution 4.0 International License (https://creativecommons.org/licenses/by/4.0/).\n",
};

export async function licenses(page, metafile) {
    const texts = (await packages(page, metafile)).map(async ({ name, version, license }) => {
        const folder = `${page}/node_modules/${name}`;
        const file = (await readdir(folder)).find(file => /^licen[cs]e(\.|$)/i.test(file));
        if (file === undefined) {
            throw new Error(`${name} has no license beside it`);
        }
        const text = await readFile(`${folder}/${file}`, "utf8");
        return `${name} ${version} (${license})\n\n${text.trim()}\n${ICONS[name] ?? ""}`;
    });
    return (await Promise.all(texts)).join(`\n${"-".repeat(72)}\n\n`);
}
