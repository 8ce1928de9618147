//! A server that ends with its test.

use std::process::{Child, Command};

pub struct Server(Child);

impl Server {
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The next server of the same test needs the port.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
