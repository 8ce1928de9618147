//! How lines of stacks, and those whom they are for, are called. Pure.

use super::line::{Control, StackLine};
use super::model::{Variables, World};
use super::run::ModuleAnswer;
use crate::text::clean;

/// A line, as people find it.
pub fn named(line: &StackLine) -> String {
    format!("{} ({}, {})", clean(line.module_name()), line.place(), written(&line.control))
}

/// A control may have blanks inside.
pub fn written(control: &Control) -> String {
    control.text.split_whitespace().map(clean).collect::<Vec<_>>().join(" ")
}

/// Whom it takes that a login goes as it does: those who pass this module, or whom that one refuses.
pub fn whom(variables: &Variables, world: &World) -> String {
    let odd = world.odd.iter().filter_map(|number| Some((variables.0.get(*number)?, world.answer(*number))));
    let words = odd.map(|(variable, answer)| match answer {
        ModuleAnswer::Success => format!("who pass {}", named(&variable.line)),
        ModuleAnswer::Unavailable | ModuleAnswer::Ignore => {
            format!("of whom {} cannot say anything", named(&variable.line))
        }
        _ => format!("whom {} refuses", named(&variable.line)),
    });
    words.collect::<Vec<_>>().join(" and ")
}
