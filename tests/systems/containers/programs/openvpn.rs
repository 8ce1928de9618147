//! OpenVPN, as its own units run it, by its plugin for PAM: password and code are two prompts.

use super::cases::{Typed, holds, people};
use crate::support::container::{Container, PASSWORD, Release, code, on_each_release};
use crate::support::terminal::Terminal;
use crate::support::until;

on_each_release!(a_code_lets_in_once_and_no_second_one_is_asked_for);

const STACK: &str = include_str!("../../../../pam.d/openvpn");

const CERTIFICATES: &str = "
mkdir -p /dev/net; [ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
cd /etc/openvpn/server
key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
openssl req -x509 $key -days 30 -subj /CN=authority -keyout ca.key -out ca.crt 2>/dev/null
openssl req $key -subj /CN=server -keyout server.key -out server.csr 2>/dev/null
printf 'extendedKeyUsage=serverAuth\\nkeyUsage=digitalSignature\\n' >extensions
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile extensions -out server.crt 2>/dev/null
";

/// A server that renews keys after seconds, and the lines that the recipe has for it.
fn server(container: &Container, name: &str, port: u16, recipe: &str) {
    let host = format!(
        "local 127.0.0.1\nport {port}\nproto udp\ndev tun\nserver 10.99.{}.0 255.255.255.0\ntopology subnet\n\
         ca ca.crt\ncert server.crt\nkey server.key\ndh none\nverify-client-cert none\nusername-as-common-name\n\
         keepalive 10 60\nreneg-sec 4\n{recipe}\n",
        port % 256
    );
    container.file(&format!("/etc/openvpn/server/{name}.conf"), &host);
    container.runs(&format!("systemctl start openvpn-server@{name}"));
}

/// What stands in the head of the example, of which each line is told the server or the client.
fn recipe(start: &str) -> String {
    let line = STACK.lines().filter_map(|line| line.strip_prefix("#     ")).find(|line| line.starts_with(start));
    line.expect("a line of the example").to_owned()
}

/// A client at a terminal. With `up` it ends as soon as it is in.
fn client(container: &Container, port: u16, more: &str) -> Terminal {
    let told = ["auth-user-pass", "static-challenge"].map(|start| format!("--{}", recipe(start))).join(" ");
    let tunnel = "--dev null --proto udp --nobind --ifconfig-noexec --route-noexec";
    let trust = "--ca /etc/openvpn/server/ca.crt --remote-cert-tls server --auth-retry none";
    container.terminal(&format!("openvpn --client --remote 127.0.0.1 {port} {tunnel} {trust} {told} {more}"))
}

fn answers<'a>(typed: &Typed<'a>) -> [(&'static str, &'a str); 3] {
    [("Auth Username:", typed.user), ("Auth Password:", typed.password), ("Verification code", typed.code)]
}

fn a_code_lets_in_once_and_no_second_one_is_asked_for(release: Release) {
    let container = Container::with(release, "administration", "");
    people(&container);
    container.runs(CERTIFICATES);
    container.file("/etc/pam.d/openvpn", STACK);
    // Whose tokens are renewed as seldom as where keys are renewed each hour.
    let token = format!("{} 3600", recipe("auth-gen-token"));
    server(&container, "host", 1194, &format!("{}\n{token}", recipe("plugin")));
    container.file("/usr/local/bin/is-up", "#!/bin/sh\necho is up; kill $PPID\n");
    container.runs("chmod 755 /usr/local/bin/is-up");
    holds(&container, "openvpn", "openvpn", |typed| {
        let client = client(&container, 1194, "--script-security 2 --up /usr/local/bin/is-up");
        let (screen, _) = client.answers_until_it_ends(&answers(&typed));
        assert_ne!(screen.contains("is up"), screen.contains("AUTH_FAILED"), "{screen}");
        screen.contains("is up")
    });
    its_keys_are_renewed(&container);
}

/// The token stands for the code. Without it a used one is tried, and a minute later the client is cut off.
fn its_keys_are_renewed(container: &Container) {
    server(container, "again", 1195, &recipe("plugin"));
    for user in ["alice", "bob"] {
        container.enrolled(user);
    }
    let [mut alice, mut bob] = [("alice", 1194), ("bob", 1195)].map(|(user, port)| {
        let mut client = client(container, port, "");
        for (prompt, answer) in answers(&Typed { user, password: PASSWORD, code: &code() }) {
            client.answers(prompt, answer);
        }
        client
    });
    alice.sees("Initialization Sequence Completed");
    bob.sees("Initialization Sequence Completed");
    let token = "Username/auth-token authentication succeeded for username 'alice'";
    until("two renewals", || container.journal("").matches(token).count() >= 2);
    container.logs("used code: bob from 127.0.0.1");
    assert_eq!(container.journal("").matches("right code: alice from 127.0.0.1").count(), 1);
    assert!(!container.journal("").contains("used code: alice"));
}
