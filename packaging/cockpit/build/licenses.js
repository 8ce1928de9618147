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

export async function licenses(page, metafile) {
    const texts = (await packages(page, metafile)).map(async ({ name, version, license }) => {
        const folder = `${page}/node_modules/${name}`;
        const file = (await readdir(folder)).find(file => /^licen[cs]e(\.|$)/i.test(file));
        const text = file === undefined ? "" : await readFile(`${folder}/${file}`, "utf8");
        return `${name} ${version} (${license})\n\n${text.trim()}\n`;
    });
    return (await Promise.all(texts)).join(`\n${"-".repeat(72)}\n\n`);
}
