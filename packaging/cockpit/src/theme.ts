// Light or dark, as Cockpit's own pages are: what its menu says, else what the system does.

const KEY = "shell:style";
const system = window.matchMedia("(prefers-color-scheme: dark)");

function obey(style = localStorage.getItem(KEY) ?? "auto") {
    const dark = style === "dark" || (style === "auto" && system.matches);
    document.documentElement.classList.toggle("pf-v6-theme-dark", dark);
}

export function followTheme() {
    obey();
    system.addEventListener("change", () => obey());
    window.addEventListener("storage", ({ key }) => { if (key === KEY) obey(); });
    // The shell tells the pages of the window in which it was chosen.
    window.addEventListener("cockpit-style", event => obey((event as CustomEvent<{ style: string }>).detail.style));
}
