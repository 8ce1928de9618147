//! The shapes of stacks that people have, out of `shapes/`: what a distribution's services share, in each of its
//! flavors, and the services on top.

use std::collections::{BTreeMap, BTreeSet};

const TEXTS: [(&str, &str); 6] = [
    ("debian", include_str!("shapes/debian.txt")),
    ("redhat", include_str!("shapes/redhat.txt")),
    ("others", include_str!("shapes/others.txt")),
    ("gentoo", include_str!("shapes/gentoo.txt")),
    ("alpine", include_str!("shapes/alpine.txt")),
    ("tutorials", include_str!("shapes/tutorials.txt")),
];

/// The lines of files, by their names.
pub type Texts = BTreeMap<String, Vec<String>>;

/// A service of a host, without a line of ours.
#[derive(Clone, Debug)]
pub struct Shape {
    pub name: String,
    pub service: String,
    pub texts: Texts,
}

impl Shape {
    /// The files that the service comes to, itself first.
    pub fn reached(&self) -> Vec<String> {
        let (mut found, mut next) = (vec![self.service.clone()], 0);
        while let Some(name) = found.get(next).cloned() {
            next += 1;
            for line in self.texts.get(&name).into_iter().flatten() {
                let included = included(line).filter(|name| !found.contains(name));
                found.extend(included);
            }
        }
        found.retain(|name| self.texts.contains_key(name));
        found
    }
}

fn included(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["@include", name, ..] | [_, "include" | "substack", name, ..] => Some((*name).to_owned()),
        _ => None,
    }
}

/// All of them: each service on each of what its distribution shares.
pub fn all() -> Vec<Shape> {
    TEXTS.iter().flat_map(|(family, text)| family_of(family, text)).collect()
}

/// Each module that they name.
pub fn modules() -> BTreeSet<String> {
    let words = TEXTS.iter().flat_map(|(_, text)| text.split_whitespace());
    words.filter(|word| word.starts_with("pam_") && word.ends_with(".so")).map(ToOwned::to_owned).collect()
}

fn family_of(family: &str, text: &str) -> Vec<Shape> {
    let (mut shared, mut services, mut everywhere) = (Vec::new(), Vec::new(), Texts::new());
    for section in text.split("\n= ").skip(1) {
        let (title, body) = section.split_once('\n').expect("a title");
        let files = files(body);
        match title.split_once(' ') {
            Some(("shared", name)) => shared.push((name, files)),
            Some(("service", name)) => services.push((name, files)),
            _ => everywhere = files,
        }
    }
    let mut shapes = Vec::new();
    for (name, files) in &services {
        for (flavor, below) in &shared {
            let service = files.keys().next().expect("a service has a file").clone();
            let texts = [&everywhere, below, files].into_iter().flat_map(Clone::clone).collect();
            shapes.push(Shape { name: format!("{family}, {name} on {flavor}"), service, texts });
        }
    }
    shapes
}

fn files(body: &str) -> Texts {
    let body = format!("\n{body}");
    let mut texts = Texts::new();
    for file in body.split("\n- ").skip(1) {
        let mut lines = file.lines();
        let name = lines.next().expect("a name").to_owned();
        texts.insert(name, lines.filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect());
    }
    texts
}
