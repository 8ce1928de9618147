// Somebody at a browser. A line of standard input says what to do, as JSON, and a line of standard output how it went:
// what is looked for has a name that people see, and is waited for.
"use strict";
const { createInterface } = require("node:readline");
const { readFile } = require("node:fs/promises");
const { chromium } = require("playwright-core");

const SIZE = { width: 1280, height: 720 };

// Where the user is: in which tab, and in which frame of it.
let tab = 0;
let frame = null;
const patience = { of: 30000 };
// What pages write for their developers.
const written = [];

const deeds = {
    // Each visit is somebody else's: without cookies of an earlier one.
    visit: async (browser, { url, patience: of }) => {
        await Promise.all(browser.contexts().map(context => context.close()));
        patience.of = of;
        await opens(await browser.newContext({ viewport: SIZE }), url);
    },
    // Another tab of the same browser.
    open: (browser, { url }) => opens(browser.contexts()[0], url),
    switch: async (browser, { to }) => {
        tab = to;
        await page(browser).bringToFront();
    },
    // Whatever comes then is about a frame of the page, or with null about the page itself.
    enter: async (browser, { name }) => { frame = name; },
    // The language of Cockpit's menu.
    speak: async (browser, { language }) => {
        await page(browser).context().addCookies([{ name: "CockpitLang", value: language, url: page(browser).url() }]);
        await page(browser).reload();
    },
    type: (browser, { field, exact, text }) => here(browser).getByLabel(field, { exact }).fill(text),
    click: (browser, { button }) => {
        // Cockpit hides the whole page from screen readers once a dialog was open; what is visible is good enough.
        const named = role => here(browser).getByRole(role, { name: button, exact: true, includeHidden: true });
        return named("button").or(named("menuitem")).or(named("tab")).or(named("link")).filter({ visible: true }).click();
    },
    // The name of the file that the browser is given, and what is in it.
    download: async (browser, { button }) => {
        const given = page(browser).waitForEvent("download");
        await deeds.click(browser, { button });
        const file = await given;
        return `${file.suggestedFilename()}\n${await readFile(await file.path(), "utf8")}`;
    },
    // What the paper shows of the frame.
    print: async (browser, { button }) => {
        const inside = await inFrame(browser);
        await inside.evaluate(() => { window.print = () => { document.title = "printed"; }; });
        await deeds.click(browser, { button });
        await inside.waitForFunction(() => document.title === "printed");
        await page(browser).emulateMedia({ media: "print" });
        const shown = await here(browser).locator("body").innerText();
        await page(browser).emulateMedia({ media: "screen" });
        return shown;
    },
    press: (browser, { key }) => page(browser).keyboard.press(key),
    write: (browser, { text }) => page(browser).keyboard.type(text),
    // Presses a key at what has this name, as somebody without a mouse does once they have come there.
    "press-at": async (browser, { role, name, key }) => {
        const there = here(browser).getByRole(role, { name, exact: true });
        // In a frame that Cockpit still hides nothing has the keyboard, and a dialog gives it back only after it has closed.
        await there.waitFor();
        await there.evaluate(() => new Promise(settled => setTimeout(() => requestAnimationFrame(settled))));
        await there.press(key);
    },
    see: (browser, { text }) => here(browser).getByText(text).filter({ visible: true }).first().waitFor(),
    checked: (browser, { role, name }) => here(browser).getByRole(role, { name, exact: true, checked: true }).waitFor(),
    miss: (browser, { text }) => here(browser).getByText(text).filter({ visible: true }).first().waitFor({ state: "hidden" }),
    count: async (browser, { role }) => String(await here(browser).getByRole(role).count()),
    read: browser => here(browser).locator("body").innerText(),
    picture: (browser, { file }) => page(browser).screenshot({ path: file }),
    look: async (browser, { width, height, dark }) => {
        await page(browser).setViewportSize({ width, height });
        await page(browser).emulateMedia({ colorScheme: dark ? "dark" : "light" });
    },
    // The same document, in the dark or on a phone, can break only some rules that it keeps in the light.
    audit: async (browser, { look }) => {
        const inside = await inFrame(browser);
        // Halfway from light to dark nothing can be read.
        await inside.evaluate(async () => {
            // The page hears of it with the next picture, and draws it with the one after.
            await new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));
            const ends = document.getAnimations().filter(one => one.effect.getComputedTiming().iterations !== Infinity);
            return Promise.allSettled(ends.map(one => one.finished));
        });
        await inside.evaluate(await readFile(require.resolve("axe-core/axe.min.js"), "utf8"));
        const rules = {
            light: {},
            dark: { runOnly: { type: "rule", values: ["color-contrast"] } },
            narrow: { rules: { "color-contrast": { enabled: false } } },
        };
        return inside.evaluate(async options => {
            const { violations } = await globalThis.axe.run(options);
            const { scrollWidth, clientWidth } = document.documentElement;
            const wide = scrollWidth > clientWidth ? [`${scrollWidth} pixels wide, and ${clientWidth} are there`] : [];
            const said = violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join(" ")}`);
            return [...said, ...wide].join("\n");
        }, rules[look]);
    },
    // The policy by which the browser runs what is in the frame.
    policy: async browser => (await inFrame(browser)).evaluate(async () => {
        const answer = await fetch(window.location.href);
        return answer.headers.get("content-security-policy");
    }),
    // All that the browser keeps: documents, what is typed there, addresses, storage, cookies, and what was written.
    kept: async browser => {
        const [context] = browser.contexts();
        const frames = context.pages().flatMap(page => page.frames());
        const documents = await Promise.all(frames.map(one => one.evaluate(() => [
            window.location.href,
            document.documentElement?.outerHTML,
            ...[...document.querySelectorAll("input, textarea")].map(field => field.value),
            JSON.stringify([{ ...localStorage }, { ...sessionStorage }, window.history.state]),
        ].join("\n"))));
        return [...documents, JSON.stringify(await context.cookies()), ...written].join("\n");
    },
    written: async () => written.join("\n"),
};

async function opens(context, url) {
    const page = await context.newPage();
    page.setDefaultTimeout(patience.of);
    page.on("console", message => written.push(message.text()));
    page.on("pageerror", error => written.push(error.message));
    await page.goto(url);
    tab = context.pages().length - 1;
    frame = null;
}

const page = browser => browser.contexts()[0].pages()[tab];

const here = browser => frame === null ? page(browser) : page(browser).frameLocator(`iframe[name="${frame}"]`);

const inFrame = async browser => {
    const element = await page(browser).locator(`iframe[name="${frame}"]`).elementHandle();
    return element.contentFrame();
};

async function main() {
    const browser = await chromium.launch({
        executablePath: "/usr/bin/chromium",
        // The throw-away system has no other user, no graphics and no network.
        args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
    });
    for await (const line of createInterface({ input: process.stdin })) {
        const { deed, ...details } = JSON.parse(line);
        const answer = await deeds[deed](browser, details).then(
            done => ({ done: typeof done === "string" ? done : "" }),
            error => ({ error: error.message }),
        );
        console.log(JSON.stringify(answer));
    }
    await browser.close();
}

main();
