//! The rooms of the house: who may import whom, what does no I/O, and that each type has a name of its own. The order of
//! the rooms is the one that `src/lib.rs` states.

mod imports;

mod order;
mod pure;
mod tokens;
mod types;

use imports::{Crate, Import};
use order::{rooms, storeys, upward_by_rooms};
use pure::{impure, pure};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The crates of this package and of its model, each without those in folders of its own.
const CRATES: [(&str, &str); 4] =
    [("src", "bin"), ("src/bin/pam-totp", ""), ("src/bin/pam-totpd", ""), ("models/src", "")];

fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn read((folder, but): (&str, &str)) -> Crate {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut sources = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            let name = path.strip_prefix(&root).expect("it is below").to_str().expect("a plain name").to_owned();
            if path.is_dir() && name != but {
                open.push(path);
            } else if name.ends_with(".rs") {
                sources.push((name, fs::read_to_string(path).expect("a source is text")));
            }
        }
    }
    assert!(!sources.is_empty(), "{folder} has no sources");
    Crate::new(&sources)
}

/// A folder of the library or a file beside the folders.
fn room(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

#[test]
fn an_import_upward_a_circle_and_a_file_that_is_read_are_found() {
    let house = |files: &[(&str, &str)]| {
        let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Crate::new(&files)
    };
    let lib = "//! The house.\n//!\n//! ```text\n//! door    asks\n//!         at it\n//! store   keeps\n\
               //! factor  judges. Pure\n//! ```\n//!\n//! No room.\npub mod door;";
    let rooms = rooms(lib);
    let order: Vec<&str> = rooms.iter().map(|(name, _)| *name).collect();
    assert_eq!(order, ["door", "store", "factor"]);
    assert_eq!(pure(&rooms), ["factor"]);
    let fine = [
        ("lib.rs", lib),
        ("door/mod.rs", "mod wire;\npub use wire::Ask;\nuse crate::{factor, store::{self, Store as Files}};"),
        ("door/wire.rs", "pub struct Ask; fn f() { crate::factor::judge(); }"),
        ("store.rs", "use crate::factor::{\n  Record,\n};\n#[cfg(test)]\nmod tests { use crate::door::Ask; }"),
        ("factor.rs", "// use crate::door;\nconst TEXT: &str = \"crate::door\"; pub struct Record; use std::fmt;"),
    ];
    assert_eq!(upward_by_rooms(&house(&fine), &order), []);
    assert_eq!(house(&fine).circles(), Vec::<Vec<String>>::new());
    assert_eq!(impure(&house(&fine), "factor"), Vec::<String>::new());
    let with = |file: &str, text: &str| {
        let files = fine.map(|(name, old)| (name, if name == file { text } else { old }));
        house(&files)
    };

    for text in ["\nuse crate::{door::Ask};", "\nfn f() -> crate::door::Ask {}", "\nmod a { use super::super::door; }"]
    {
        let found = upward_by_rooms(&with("factor.rs", text), &order);
        assert!(matches!(&found[..], [one] if one.from == "factor.rs" && room(&one.to) == "door"), "{text}: {found:?}");
    }
    // Through what another one imports, to where it is defined.
    let found = upward_by_rooms(&with("store.rs", "use super::door::Ask;"), &order);
    assert_eq!(found, [Import { from: "store.rs".into(), line: 1, to: "door/wire.rs".into() }]);
    assert_eq!(
        with("door/wire.rs", "pub struct Ask; mod a { use super::super::Ask; }").circles(),
        Vec::<Vec<String>>::new()
    );
    let circle = with("door/wire.rs", "pub struct Ask; use super::ask;").circles();
    assert_eq!(circle, [["door/mod.rs", "door/wire.rs"]]);
    let longer = [("a.rs", "use crate::b;"), ("b.rs", "use crate::c::C;"), ("c.rs", "fn f() { crate::a::A }")];
    assert_eq!(house(&longer).circles(), [["a.rs", "b.rs", "c.rs"]]);

    for text in [
        "use std::fs::File;",
        "use std::{fmt, net::{IpAddr, TcpStream}};",
        "fn f() { std::env::var(name) }",
        "use nix::unistd;",
        "fn f(path: &Path) { path.exists() }",
        "use crate::store::Store;",
        "use std::time::{Duration, SystemTime};",
    ] {
        assert_eq!(impure(&with("factor.rs", text), "factor").len(), 1, "{text}");
    }

    let inside = BTreeSet::from(["a", "b", "c", "d"]);
    let listed = "//! All `a`:\n//!\n//! 1. [`a`], `b`: the ground, `x`,\n//!    and [`c`].\n//! 2. `d`: the roof.\n//!\n//! `b`";
    assert_eq!(storeys(listed, &inside), [BTreeSet::from(["d".into()]), ["a", "b", "c"].map(String::from).into()]);
}
