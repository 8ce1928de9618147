//! What belongs to the project as a whole: documents, installation, units, demo, costs.

mod authselect;
mod benches;
mod cockpit;
mod counts;
mod demo;
mod docs;
mod house;
mod install;
mod json;
mod logcheck;
mod many;
mod packages;
mod packages_rpm;
mod pages;
mod recipes;
mod sentences;
mod timing;
mod units;
mod words;
