// Builds the page into a folder: one script, one sheet of styles, a file of messages for each language, and the licenses of
// what is in them. Twice the same sources give twice the same bytes.
//
//     build.js FOLDER
import { cp, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { licenses } from "./licenses.js";
import { translations } from "./translations.js";

const page = fileURLToPath(new URL("..", import.meta.url));
const goal = process.argv[2];

/// PatternFly's own letters and pictures are a megabyte: Cockpit has the letters, and the page shows none of the pictures.
const withoutFonts = {
    name: "without-fonts",
    setup(build) {
        build.onLoad({ filter: /react-core\/dist\/styles\/base\.css$/ }, async ({ path }) => {
            const styles = await readFile(path, "utf8");
            const contents = styles.replace(/@font-face \{[^}]*\}/g, "").replace(/url\("\.\/assets\/[^)]*\)/g, "none");
            return { contents, loader: "css" };
        });
    },
};

// Beside it, so that what stops in the middle leaves no page that lacks something.
const folder = `${goal}.new`;
const catalogs = await translations(page);
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
for (const { name, script } of catalogs) {
    await writeFile(`${folder}/${name}`, script);
}
for (const file of ["index.html", "manifest.json"]) {
    await cp(`${page}/${file}`, `${folder}/${file}`);
}
const { metafile } = await build({
    absWorkingDir: page,
    entryPoints: { index: "src/index.tsx" },
    outdir: folder,
    bundle: true,
    minify: true,
    metafile: true,
    legalComments: "none",
    // What Debian 12's own browsers can do.
    target: ["es2022", "chrome115", "firefox115", "safari16.4"],
    define: { "process.env.NODE_ENV": '"production"' },
    external: ["../../static/*"],
    plugins: [withoutFonts],
    logLevel: "warning",
});
await writeFile(`${folder}/third-party.txt`, await licenses(page, metafile));
await rm(goal, { recursive: true, force: true });
await rename(folder, goal);
