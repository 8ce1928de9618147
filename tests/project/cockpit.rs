//! The page of Cockpit as it is installed.

use crate::support::artifacts::{cockpit_page, make};
use crate::support::documents::{document, root};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

const METAINFO: &str = "packaging/cockpit/org.cockpit_project.cockpit_pam_totp.metainfo.xml";

#[test]
fn software_centers_can_read_what_the_page_is() {
    let output = Command::new("appstreamcli").args(["validate", "--no-net"]).arg(root().join(METAINFO)).output();
    let output = output.expect("appstreamcli starts");
    let said = String::from_utf8_lossy(&output.stdout);
    // Only Debian 13's asks for it: where the project's own page will be is not decided.
    let is_known = |line: &&str| line.ends_with(" url-homepage-missing");
    let faults: Vec<_> = said.lines().filter(|line| line.starts_with("E:") || line.starts_with("W:")).collect();
    assert!(faults.iter().all(is_known) && said.contains("alidation"), "{said}");
}

#[test]
fn the_page_is_installed_whole_and_uninstalled() {
    cockpit_page();
    let host = tempfile::tempdir().expect("a folder");
    let makes = |target: &str| {
        let settings = ["PREFIX=/usr", "MODULEDIR=/usr/lib/security"];
        let output = make(target).args(settings).arg(format!("DESTDIR={}", host.path().display())).output();
        let output = output.expect("make starts");
        assert!(output.status.success(), "{target}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let page = host.path().join("usr/share/cockpit/pam-totp");
    makes("install-cockpit");
    assert_eq!(names(&page), names(cockpit_page()));
    // Over an older one, of which nothing stays.
    fs::write(page.join("old.js"), "").expect("a file");
    makes("install-cockpit");
    assert_eq!(names(&page), names(cockpit_page()));
    makes("uninstall");
    assert!(!page.exists());
    assert_eq!(names(&host.path().join("usr/share/metainfo")), BTreeSet::new());
}

/// Whoever made what is in it is named beside it, and in Debian's copyright file.
#[test]
fn what_npm_brings_into_the_page_is_named() {
    let lock: Value = serde_json::from_str(&document("packaging/cockpit/package-lock.json")).expect("a lock file");
    let bundled = fs::read_to_string(cockpit_page().join("third-party.txt")).expect("text");
    let version = |name: &str| lock["packages"][format!("node_modules/{name}")]["version"].as_str().expect("a version");
    for name in ["react", "react-dom", "@patternfly/react-core"] {
        assert!(bundled.contains(&format!("{name} {} (MIT)", version(name))), "{name}");
    }
    let copyright = document("packaging/debian/copyright");
    let said = copyright.split("\n\n").find(|stanza| stanza.starts_with("Files: packaging/cockpit/dist/*"));
    let said = said.expect("a stanza of the page");
    // Of lodash's documentation, which is not in it.
    let of_samples = "Copyright and related rights for sample code";
    let is_of_somebody = |line: &&str| line.starts_with("Copyright ") && !line.starts_with(of_samples);
    for line in bundled.lines().filter(is_of_somebody) {
        let said_there = line.trim_start_matches("Copyright ").trim_start_matches("(c)");
        let owner = said_there.split('<').next().unwrap_or_default();
        let owner = owner.trim_start_matches(|c: char| !c.is_alphabetic()).trim_end_matches(['.', ' ']);
        assert!(!owner.is_empty() && said.contains(owner), "{line}");
    }
    assert!(bundled.contains("Fonticons, Inc.") && said.contains("Fonticons, Inc."), "who made the pictures");
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}
