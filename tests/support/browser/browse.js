// Somebody at a browser. A line of standard input says what to do, as JSON, and a line of standard output how it went:
// what is looked for has a name that people see, and is waited for.
"use strict";
const { createInterface } = require("node:readline");
const { chromium } = require("playwright-core");

const SIZE = { width: 1280, height: 720 };

const deeds = {
    // Each visit is somebody else's: without cookies of an earlier one.
    visit: async (browser, { url, patience }) => {
        await Promise.all(browser.contexts().map(context => context.close()));
        const page = await browser.newPage({ viewport: SIZE });
        page.setDefaultTimeout(patience);
        await page.goto(url);
        frame = null;
    },
    // Whatever comes then is about a frame of the page, or with null about the page itself.
    enter: async (browser, { name }) => { frame = name; },
    type: (browser, { field, exact, text }) => here(browser).getByLabel(field, { exact }).fill(text),
    click: (browser, { button }) => {
        // Cockpit hides the whole page from screen readers once a dialog was open; what is visible is good enough.
        const named = role => here(browser).getByRole(role, { name: button, exact: true, includeHidden: true });
        return named("button").or(named("menuitem")).or(named("tab")).filter({ visible: true }).click();
    },
    see: (browser, { text }) => here(browser).getByText(text).filter({ visible: true }).first().waitFor(),
    read: browser => here(browser).locator("body").innerText(),
    picture: (browser, { file }) => page(browser).screenshot({ path: file }),
};

let frame = null;

const page = browser => browser.contexts()[0].pages()[0];

const here = browser => frame === null ? page(browser) : page(browser).frameLocator(`iframe[name="${frame}"]`);

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
