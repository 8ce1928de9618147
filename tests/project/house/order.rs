//! Who may import whom.

use super::imports::{Crate, Import};
use super::{CRATES, read, room, text};
use std::collections::BTreeSet;

/// The rooms from the top to the ground, as the block in the comment of `src/lib.rs` has them: a line each, its name first,
/// and what it is. What begins further right goes on with the line above.
pub fn rooms(lib: &str) -> Vec<(&str, String)> {
    let comment = lib.lines().map_while(|line| line.strip_prefix("//!")).map(|line| line.get(1..).unwrap_or(""));
    let block = comment.skip_while(|line| !line.starts_with("```")).skip(1).take_while(|line| !line.starts_with("```"));
    let mut rooms: Vec<(&str, String)> = Vec::new();
    for line in block {
        match (line.split_once(' '), rooms.last_mut()) {
            (Some(("", more)), Some((_, what))) => *what += more,
            (Some((name, what)), _) => rooms.push((name, what.trim().to_owned())),
            (None, _) => rooms.push((line, String::new())),
        }
    }
    rooms
}

/// The files and folders of a folder from the top down, those together that its comment names on one line. Such a list is
/// numbered from the ground up.
pub fn storeys(comment: &str, inside: &BTreeSet<&str>) -> Vec<BTreeSet<String>> {
    let mut storeys: Vec<BTreeSet<String>> = Vec::new();
    for line in comment.lines().map_while(|line| line.strip_prefix("//!")) {
        let line = line.strip_prefix(' ').unwrap_or(line);
        let number = line.split_once(". ").filter(|(number, _)| number.parse::<usize>().is_ok());
        if number.is_some() {
            storeys.push(BTreeSet::new());
        } else if !line.starts_with("   ") {
            continue;
        }
        let names = line.split('`').skip(1).step_by(2).filter(|name| inside.contains(name)).map(str::to_owned);
        if let Some(storey) = storeys.last_mut() {
            storey.extend(names);
        }
    }
    storeys.reverse();
    storeys
}

/// Imports from what is higher up; `place` is how far down a file is.
fn upward(house: &Crate, place: impl Fn(&str) -> Option<usize>) -> Vec<Import> {
    let is_upward = |import: &Import| place(&import.from).zip(place(&import.to)).is_some_and(|(from, to)| from > to);
    house.imports().into_iter().filter(is_upward).collect()
}

pub fn upward_by_rooms(house: &Crate, order: &[&str]) -> Vec<Import> {
    upward(house, |file| order.iter().position(|name| *name == room(file)))
}

#[test]
fn no_room_imports_from_one_above_it() {
    let (house, lib) = (read(CRATES[0]), text("src/lib.rs"));
    let order: Vec<&str> = rooms(&lib).into_iter().map(|(name, _)| name).collect();
    let stated: BTreeSet<&str> = order.iter().copied().collect();
    let there: BTreeSet<&str> = house.files().map(|(file, _)| room(file)).filter(|room| *room != "lib").collect();
    assert_eq!(stated, there, "the comment of src/lib.rs has each room");
    assert_eq!(stated.len(), order.len(), "and each once");
    assert_eq!(upward_by_rooms(&house, &order), []);
    // With the order upside down nearly all of them would be wrong.
    let reversed: Vec<&str> = order.into_iter().rev().collect();
    assert!(upward_by_rooms(&house, &reversed).len() > 100);
}

/// Some folders state the order of what is in them.
#[test]
fn no_file_imports_from_a_line_below_its_own() {
    let house = read(CRATES[0]);
    let mut stated = 0;
    for (file, _) in house.files() {
        let comment = text(&format!("src/{file}"));
        let comment: Vec<&str> = comment.lines().take_while(|line| line.starts_with("//!")).collect();
        let promise = comment.join(" ").replace("//! ", "");
        if !promise.contains("Each file imports only from lines above its own") {
            continue;
        }
        stated += 1;
        let folder = file.trim_end_matches("mod.rs");
        let within =
            |file: &str| file.strip_prefix(folder).filter(|name| *name != "mod.rs").map(|name| room(name).to_owned());
        let inside: BTreeSet<String> = house.files().filter_map(|(file, _)| within(file)).collect();
        let storeys = storeys(&comment.join("\n"), &inside.iter().map(String::as_str).collect());
        let named: Vec<&String> = storeys.iter().flatten().collect();
        assert_eq!(named.len(), inside.len(), "{file} names each once: {storeys:?}");
        let place =
            |file: &str| storeys.iter().position(|storey| within(file).is_some_and(|name| storey.contains(&name)));
        assert_eq!(upward(&house, place), []);
    }
    assert!(stated >= 3, "only {stated} folders state an order");
}

#[test]
fn no_files_import_one_another_in_a_circle() {
    let mut found = Vec::new();
    for (folder, but) in CRATES {
        let house = read((folder, but));
        for circle in house.circles() {
            let within = |file: &String| circle.contains(file);
            let imports = house.imports().into_iter().filter(|import| within(&import.from) && within(&import.to));
            found.extend(imports.map(|i| format!("{folder}/{}:{} imports {folder}/{}", i.from, i.line, i.to)));
        }
    }
    assert!(found.is_empty(), "a circle:\n{}", found.join("\n"));
}
