//! ProFTPD: whom it asks when PAM refuses, and what it tells PAM of the client. Pure.

use super::elsewhere::{ABOUT, elsewhere};
use super::texts::{Text, of, setting};
use crate::doctor::finding::Finding;
use crate::doctor::shell::quoted;
use crate::doctor::stacks::files::StackFiles;

const RESTART: &str = "proftpd -t && systemctl restart proftpd";

/// `is_there`: is this file of a program's installed?
pub fn check(files: &StackFiles, texts: &[Text], is_there: impl Fn(&str) -> bool) -> Vec<Finding> {
    let texts = of(texts, "/etc/proftpd");
    let named = texts.iter().find_map(|text| setting(&text.text, "AuthPAMConfig", ' '));
    let has_own = files.path("proftpd").is_some();
    let service = named.unwrap_or_else(|| if has_own { "proftpd" } else { "ftp" }.to_owned());
    if !is_there("/usr/sbin/proftpd") || files.stack_of(&service).is_none() {
        return Vec::new();
    }
    [asks_elsewhere(&texts), names_no_address(&texts)].into_iter().flatten().collect()
}

/// Its modules are asked one after the other, and that for /etc/shadow comes behind PAM's: a `*` ends it there.
fn asks_elsewhere(texts: &[&Text]) -> Option<Finding> {
    let off =
        texts.iter().find(|text| setting(&text.text, "AuthPAM", ' ').is_some_and(|on| on.eq_ignore_ascii_case("off")));
    if let Some(text) = off {
        let path = quoted(&text.path);
        let fix = [format!("sed -i -E 's/^[[:blank:]]*AuthPAM[[:blank:]]/#&/I' {path}"), RESTART.to_owned()];
        return Some(elsewhere("ProFTPD", "`AuthPAM off` makes it check /etc/shadow itself").fixed_by(fix));
    }
    let orders: Vec<(&Text, Order)> = texts.iter().flat_map(|text| orders(text)).collect();
    let good = |order: &&(&Text, Order)| order.1.ends_at_pam;
    let everywhere = |place: OrderScope| orders.iter().filter(good).filter(|order| order.1.place == place).count();
    let hosts = texts.iter().map(|text| blocks(&text.text, "<virtualhost")).sum::<usize>();
    let covers = everywhere(OrderScope::Global) > 0
        || (everywhere(OrderScope::Server) > 0 && everywhere(OrderScope::Host) >= hosts);
    if covers && orders.iter().all(|order| order.1.ends_at_pam) {
        return None;
    }
    let mut bad: Vec<String> =
        orders.iter().filter(|order| !order.1.ends_at_pam).map(|order| quoted(&order.0.path)).collect();
    bad.dedup();
    let comment = bad.iter().map(|path| format!("sed -i -E 's/^[[:blank:]]*AuthOrder[[:blank:]]/#&/I' {path}"));
    let order = put(texts, "<Global>\\nAuthOrder mod_auth_pam.c* mod_auth_unix.c\\n</Global>\\n")?;
    let what = "when PAM refuses, it checks /etc/shadow itself (mod_auth_unix)";
    Some(elsewhere("ProFTPD", what).fixed_by(comment.chain([order, RESTART.to_owned()])))
}

/// It looks up the name of the client's address, and PAM hears the name alone.
fn names_no_address(texts: &[&Text]) -> Option<Finding> {
    let says_off =
        |text: &&Text| setting(&text.text, "UseReverseDNS", ' ').is_some_and(|on| on.eq_ignore_ascii_case("off"));
    if texts.iter().any(says_off) {
        return None;
    }
    let what = "ProFTPD tells PAM the name of a client, which its owner can choose, and not the address: no `networks` \
                of a rule and no `[remember]` counts there, and fail2ban bans nobody";
    let fix = [put(texts, "UseReverseDNS off\\n")?, RESTART.to_owned()];
    Some(Finding::warning(ABOUT, "no_address", what).fixed_by(fix))
}

/// A command that has it read further lines behind its own.
fn put(texts: &[&Text], lines: &str) -> Option<String> {
    let path = match texts.iter().any(|text| text.text.contains("/etc/proftpd/conf.d")) {
        true => "/etc/proftpd/conf.d/zz-pam_totp.conf".to_owned(),
        false => quoted(&texts.first()?.path),
    };
    Some(format!("printf '{lines}' >>{path}"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OrderScope {
    Server,
    Global,
    Host,
}

struct Order {
    place: OrderScope,
    /// PAM's module comes first, and its no is the last word.
    ends_at_pam: bool,
}

fn orders(text: &Text) -> Vec<(&Text, Order)> {
    let (mut place, mut found) = (OrderScope::Server, Vec::new());
    for line in text.text.lines().map(|line| line.trim().to_ascii_lowercase()) {
        match line.split_whitespace().next().unwrap_or_default() {
            "<global>" => place = OrderScope::Global,
            "<virtualhost" => place = OrderScope::Host,
            "</global>" | "</virtualhost>" => place = OrderScope::Server,
            "authorder" => {
                let ends_at_pam = line.split_whitespace().nth(1) == Some("mod_auth_pam.c*");
                found.push((text, Order { place, ends_at_pam }));
            }
            _ => {}
        }
    }
    found
}

fn blocks(text: &str, start: &str) -> usize {
    text.lines().filter(|line| line.trim().to_ascii_lowercase().starts_with(start)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found where these stand beside the main file.
    fn found(own: &str) -> Vec<&'static str> {
        let mut files = StackFiles::default();
        let stack = "auth requisite pam_unix.so\nauth requisite pam_totp.so\n";
        files.add("proftpd", "/etc/pam.d/proftpd", stack);
        let text = |path: &str, text: &str| Text { path: path.into(), text: text.into() };
        let main = text("/etc/proftpd/proftpd.conf", "Include /etc/proftpd/conf.d/\n");
        let texts = [main, text("/etc/proftpd/conf.d/a.conf", own)];
        check(&files, &texts, |_| true).iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn it_ends_at_pam_only_with_a_star() {
        let judged = |own: &str| found(&format!("UseReverseDNS off\n{own}"));
        let good = "AuthOrder mod_auth_pam.c* mod_auth_unix.c\n";
        for bad in [
            "",
            "#AuthOrder mod_auth_pam.c* mod_auth_unix.c\n",
            "AuthOrder mod_auth_pam.c mod_auth_unix.c\n",
            "AuthOrder mod_auth_unix.c mod_auth_pam.c*\n",
            "AuthPAM off\n",
            &format!("{good}<VirtualHost 127.0.0.2>\n</VirtualHost>\n"),
            &format!("{good}<VirtualHost 127.0.0.2>\nAuthOrder mod_auth_unix.c\n</VirtualHost>\n"),
        ] {
            assert_eq!(judged(bad), ["asks_elsewhere"], "{bad}");
        }
        for fine in [good, &format!("<Global>\n  {good}</Global>\n<VirtualHost 127.0.0.2>\n</VirtualHost>\n")] {
            assert_eq!(judged(fine), [""; 0], "{fine}");
        }
        assert_eq!(judged("AuthPAMConfig ftp2\n"), [""; 0], "another stack");
    }

    #[test]
    fn it_tells_the_address_where_it_looks_up_no_name() {
        let order = "AuthOrder mod_auth_pam.c* mod_auth_unix.c\n";
        for names in ["", "#UseReverseDNS off\n", "UseReverseDNS on\n"] {
            assert_eq!(found(&format!("{order}{names}")), ["no_address"], "{names}");
        }
        assert_eq!(found(&format!("{order}usereversedns off\n")), [""; 0]);
    }
}
