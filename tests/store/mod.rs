//! What is stored survives kills, failures, races, bad disks, bad clocks and tampering.

mod changes;
mod clocks;
mod conformance;
mod copies;
mod disks;
mod failures;
mod hostile;
mod kills;
mod races;
