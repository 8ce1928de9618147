import "@patternfly/react-core/dist/styles/base.css";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { followTheme } from "./theme";
import { _ } from "./words";
// Behind what it changes.
import "./page.css";

followTheme();
document.documentElement.lang = cockpit.language.replace("_", "-");
document.title = _("Two-Factor Authentication");
createRoot(document.getElementById("page")!).render(<App />);
