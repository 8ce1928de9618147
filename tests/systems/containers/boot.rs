//! What is there after a boot, and a login by it.

use crate::support::container::{Container, PASSWORD, Release, code, on_each_release};

on_each_release!(a_login_by_ssh_needs_password_and_code);

fn a_login_by_ssh_needs_password_and_code(release: Release) {
    let container = Container::boot(release);
    container.enrolled("alice");
    container.ssh_asks();
    let mut ssh = container.ssh("alice");
    ssh.answers("Password: ", PASSWORD);
    ssh.answers("Verification code: ", &code());
    ssh.sees("in as alice");
}
