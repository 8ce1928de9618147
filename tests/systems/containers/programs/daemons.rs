//! Daemons that run PAM without root: pam-totpd judges the codes, and the group shadow lets pam_unix see the passwords.

use super::{People, asks, fix, found, host};
use crate::support::container::{Container, Release, on_each_release};
use std::process::Command;
use std::thread;

on_each_release!(daemons_without_root_need_both);

const POSTGRESQL: &str =
    "sed -i '1i hostssl all all 127.0.0.1/32 pam pamservice=postgresql' /etc/postgresql/*/main/pg_hba.conf";

const NGINX: &str = "rm /etc/nginx/sites-enabled/default
    printf '%s\\n' 'server { listen 127.0.0.1:8080; location / {' 'root /srv/www;' 'auth_pam \"codes\";' \
        'auth_pam_service_name \"nginx\";' '} }' >/etc/nginx/conf.d/codes.conf
    mkdir /srv/www; echo in >/srv/www/page";

const APACHE: &str = "printf '%s\\n' 'Alias /codes /srv/www' '<Location /codes>' 'AuthType Basic' 'AuthName codes' \
        'AuthBasicProvider PAM' 'AuthPAMService apache2' 'Require valid-user' '</Location>' \
        >/etc/apache2/conf-enabled/codes.conf";

const RADIUS: &str = "cd /etc/freeradius/3.0; ln -s ../mods-available/pam mods-enabled/pam
    sed -i 's/^#\\tpam$/\\tpam/' sites-available/default
    sed -i '1i DEFAULT Auth-Type := PAM' mods-config/files/authorize";

const SQUID: &str = "printf '%s\\n' 'auth_param basic program /usr/lib/squid/basic_pam_auth -n squid' \
        'acl people proxy_auth REQUIRED' 'http_access allow people' 'http_access deny all' \
        'shutdown_lifetime 0 seconds' >/etc/squid/conf.d/codes.conf";

fn daemons_without_root_need_both(release: Release) {
    let host = host(release);
    let services = ["postgresql", "nginx", "apache2", "radiusd", "squid"];
    for service in services {
        asks(&host, service, "");
    }
    for set_up in [POSTGRESQL, NGINX, APACHE, RADIUS, SQUID] {
        host.runs(set_up);
    }
    fix(&host, "no_judge");
    fix(&host, "no_passwords");
    assert_eq!(found(&host), [""; 0]);
    host.runs("systemctl start postgresql nginx apache2 freeradius squid");

    let of_each = services.map(|service| (service, People::of(service)));
    of_each.iter().for_each(|(_, people)| people.add(&host));
    let roles = of_each[0].1.all().iter().map(|name| format!("create role {name} login;")).collect::<String>();
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
        "postgresql" => {
            let mut psql = host.command("env");
            let connection = format!("host=127.0.0.1 user={user} dbname=postgres sslmode=require");
            psql.args([&format!("PGPASSWORD={typed}"), "psql", &connection, "-tAc", "select current_user"]);
            let (said, _) = says(psql);
            assert!(said.trim() == user || said.contains("PAM authentication failed"), "{said}");
            said.trim() == user
        }
        "radiusd" => {
            let mut radtest = host.command("radtest");
            radtest.args([user, typed, "127.0.0.1", "0", "testing123"]);
            let (said, _) = says(radtest);
            let (accepts, rejects) = (said.contains("Received Access-Accept"), said.contains("Received Access-Reject"));
            assert!(accepts != rejects, "{said}");
            accepts
        }
        "squid" => page(host, &["--proxy", "http://127.0.0.1:3128", "--proxy-user", &who], "http://127.0.0.1/", "407"),
        "nginx" => page(host, &["--user", &who], "http://127.0.0.1:8080/page", "401"),
        _ => page(host, &["--user", &who], "http://127.0.0.1/codes/page", "401"),
    }
}

/// Is a page shown? Else it is refused, with this number.
fn page(host: &Container, options: &[&str], url: &str, refused: &str) -> bool {
    let mut curl = host.command("curl");
    curl.args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]).args(options).arg(url);
    let (said, _) = says(curl);
    assert!(["200", refused].contains(&said.as_str()), "{url}: {said}");
    said == "200"
}

/// What a program says.
fn says(mut command: Command) -> (String, bool) {
    let output = command.output().expect("it starts");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text")).concat();
    (said, output.status.success())
}
