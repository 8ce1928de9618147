//! Daemons that run PAM without root: pam-totpd judges the codes, and the group shadow lets pam_unix see the passwords.

use super::{People, asks, fix, found, host};
use crate::support::container::{Container, Release, on_each_release};
use std::process::Command;
use std::thread;

on_each_release!(daemons_without_root_need_both);

const DOCUMENT: &str = include_str!("../../../../docs/users.md");

/// Lines that the documents have.
fn documented<const N: usize>(lines: [&str; N]) -> String {
    lines.iter().for_each(|line| assert!(DOCUMENT.contains(&format!("`{line}`")), "docs/users.md lacks {line}"));
    lines.join("\n") + "\n"
}

/// Tells each what the documents say.
fn set_up(host: &Container) {
    host.runs("mkdir /srv/www; echo in >/srv/www/page; rm /etc/nginx/sites-enabled/default");
    let nginx = documented(["auth_pam \"codes\";", "auth_pam_service_name \"nginx\";"]);
    let nginx = format!("server {{\nlisten 8080;\nlocation / {{\nroot /srv/www;\n{nginx}}}\n}}\n");
    host.file("/etc/nginx/conf.d/codes.conf", &nginx);
    let apache = ["AuthType Basic", "AuthName codes", "AuthBasicProvider PAM", "AuthPAMService apache2"];
    let apache = documented(apache) + &documented(["Require valid-user"]);
    let apache = format!("Alias /codes /srv/www\n<Location /codes>\n{apache}</Location>\n");
    host.file("/etc/apache2/conf-enabled/codes.conf", &apache);
    let program = "auth_param basic program /usr/lib/squid/basic_pam_auth -n squid";
    let people = ["acl people proxy_auth REQUIRED", "http_access allow people", "http_access deny all"];
    let squid = documented([program]) + &documented(people) + "shutdown_lifetime 0 seconds\n";
    host.file("/etc/squid/conf.d/codes.conf", &squid);
    let radius = documented(["DEFAULT Auth-Type := PAM"]);
    host.runs(&format!(
        "cd /etc/freeradius/3.0; ln -s ../mods-available/pam mods-enabled/pam
         sed -i 's/^#\tpam$/\tpam/' sites-available/default; sed -i '1i {}' mods-config/files/authorize",
        radius.trim()
    ));
    let postgresql = documented(["hostssl all all 0.0.0.0/0 pam pamservice=postgresql"]);
    host.runs(&format!("sed -i '1i {}' /etc/postgresql/*/main/pg_hba.conf", postgresql.trim()));
}

fn daemons_without_root_need_both(release: Release) {
    let host = host(release);
    let services = ["postgresql", "nginx", "apache2", "radiusd", "squid"];
    for service in services {
        asks(&host, service, "");
    }
    set_up(&host);
    fix(&host, "no_judge");
    fix(&host, "no_passwords");
    assert_eq!(found(&host), [""; 0]);
    host.runs("systemctl start postgresql nginx apache2 freeradius squid");

    let of_each = services.map(|service| (service, People::of(service)));
    of_each.iter().for_each(|(_, people)| people.add(&host));
    let [(_, of_database), ..] = &of_each;
    let roles: String = of_database.all().iter().map(|name| format!("create role {name} login;")).collect();
    host.runs(&format!("cd / && runuser -u postgres -- psql -qc '{roles}'"));
    thread::scope(|scope| {
        for (service, people) in &of_each {
            let host = &host;
            let lets_in = move |user: &str, typed: &str| lets_in(host, service, user, typed);
            // It remembers an answer, as each request brings it.
            let forget = move || {
                if *service == "squid" {
                    host.runs("systemctl restart squid");
                }
            };
            scope.spawn(move || people.need_both_unless_remembered(host, lets_in, forget));
        }
    });
}

fn lets_in(host: &Container, service: &str, user: &str, typed: &str) -> bool {
    let who = format!("{user}:{typed}");
    match service {
        "postgresql" => database(host, user, typed),
        "radiusd" => radius(host, user, typed),
        // Of Debian's own rules the first lets this host use it, and nobody is asked there.
        "squid" => page(host, &["--proxy", "http://192.0.2.1:3128", "--proxy-user", &who], "http://192.0.2.1/", "407"),
        "nginx" => page(host, &["--user", &who], "http://192.0.2.1:8080/page", "401"),
        _ => page(host, &["--user", &who], "http://192.0.2.1/codes/page", "401"),
    }
}

fn database(host: &Container, user: &str, typed: &str) -> bool {
    let mut psql = host.command("env");
    let connection = format!("host=127.0.0.1 user={user} dbname=postgres sslmode=require");
    psql.args([&format!("PGPASSWORD={typed}"), "psql", &connection, "-tAc", "select current_user"]);
    let said = says(psql);
    // The client itself sends nothing empty.
    let refused = ["PAM authentication failed", "no password supplied"].iter().any(|words| said.contains(words));
    assert!(refused != (said.trim() == user), "{said}");
    !refused
}

fn radius(host: &Container, user: &str, typed: &str) -> bool {
    let mut radtest = host.command("radtest");
    radtest.args([user, typed, "127.0.0.1", "0", "testing123"]);
    let said = says(radtest);
    let accepted = said.contains("Received Access-Accept");
    assert!(accepted != said.contains("Received Access-Reject"), "{said}");
    accepted
}

/// Is a page shown at the far end? Else it is refused, with this number.
fn page(host: &Container, options: &[&str], url: &str, refused: &str) -> bool {
    let mut curl = host.command("ip");
    curl.args(["netns", "exec", "far", "curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]);
    curl.args(options).arg(url);
    let said = says(curl);
    assert!(["200", refused].contains(&said.as_str()), "{url}: {said}");
    said == "200"
}

/// All that a program says.
fn says(mut command: Command) -> String {
    let output = command.output().expect("it starts");
    [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text")).concat()
}
