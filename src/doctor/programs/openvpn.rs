//! OpenVPN by its own plugin for PAM: what that answers to a prompt for a code, and what clients are asked for again. Pure.

use super::elsewhere::ABOUT;
use super::texts::{Text, of, settings};
use crate::doctor::finding::Finding;
use crate::doctor::shell::quoted;
use crate::doctor::stacks::files::StackFiles;
use crate::doctor::stacks::shape::{StackShape, shape};
use crate::text::clean;

/// What has it answer each prompt with what that asks for: how the prompt begins, and the answer.
const ANSWERS: &str = "login USERNAME password PASSWORD verification OTP";

/// A server's line for it: `plugin PATH "SERVICE [PROMPT ANSWER]..."`.
struct Plugin<'a> {
    text: &'a Text,
    path: &'a str,
    service: &'a str,
    knows_codes: bool,
}

/// Those of servers whose stack asks for a code.
pub fn check(files: &StackFiles, texts: &[Text]) -> Vec<Finding> {
    let plugins = of(texts, "/etc/openvpn/").into_iter().filter_map(plugin);
    let asking = plugins.filter_map(|plugin| Some((shape(files, plugin.service)?, plugin)));
    asking.flat_map(|(shape, plugin)| [answers(shape, &plugin), asks_again(&plugin)]).flatten().collect()
}

fn plugin(text: &Text) -> Option<Plugin<'_>> {
    let line =
        text.text.lines().map(str::trim).find(|line| line.starts_with("plugin ") && line.contains("auth-pam"))?;
    let mut words = line.split([' ', '\t', '"', '\'']).filter(|word| !word.is_empty()).skip(1);
    Some(Plugin { text, path: words.next()?, service: words.next()?, knows_codes: words.any(|word| word == "OTP") })
}

/// Without a list it answers every prompt with the password; with one, the password never has the code behind it.
fn answers(shape: StackShape, plugin: &Plugin) -> Option<Finding> {
    let (why, words) = match (shape, plugin.knows_codes) {
        (StackShape::Questions, false) => ("answers the prompt for the code with the password", format!(" {ANSWERS}")),
        (StackShape::OneField, true) => ("sends the code to a prompt of its own", String::new()),
        _ => return None,
    };
    let path = &plugin.text.path;
    let what = format!(
        "OpenVPN: the plugin in {} {why}, and {} does not ask so: enrolled users are refused",
        clean(path),
        clean(plugin.service)
    );
    let line = format!("plugin {} \"{}{words}\"", plugin.path, plugin.service);
    let change = format!("sed -i {} {}", quoted(&format!("s|^[[:blank:]]*plugin .*auth-pam.*|{line}|")), quoted(path));
    Some(Finding::warning(ABOUT, "vpn_prompts", what).fixed_by([change, restart(path)]))
}

/// When keys are renewed, the client says again what it said at first.
fn asks_again(plugin: &Plugin) -> Option<Finding> {
    let path = &plugin.text.path;
    if plugin.text.text.lines().any(|line| line.split_whitespace().next() == Some("auth-gen-token")) {
        return None;
    }
    let every = settings(&plugin.text.text, "reneg-sec", ' ').pop();
    if every.as_deref() == Some("0") {
        return None;
    }
    let what = format!(
        "OpenVPN: without `auth-gen-token` in {} clients are cut off when keys are renewed, after an hour or `reneg-sec`: \
         they send the same code again, which is a used one by then",
        clean(path)
    );
    let change = format!("echo 'auth-gen-token 43200' >>{}", quoted(path));
    Some(Finding::warning(ABOUT, "vpn_renewal", what).fixed_by([change, restart(path)]))
}

/// Of the units that Debian and Fedora have.
fn restart(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".conf");
    let unit = if path.contains("/server/") { "openvpn-server@" } else { "openvpn@" };
    format!("systemctl restart {}", quoted(&format!("{unit}{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::stacks::files::STACKS;

    const PLUGIN: &str = "plugin /usr/lib/openvpn/plugins/openvpn-plugin-auth-pam.so";

    fn found(stack: &str, text: &str) -> Vec<(&'static str, Vec<String>)> {
        let mut files = StackFiles::default();
        files.add("openvpn", &format!("{STACKS}/openvpn"), stack);
        let text = Text { path: "/etc/openvpn/server/host.conf".into(), text: text.into() };
        check(&files, &[text]).into_iter().map(|finding| (finding.code, finding.fix)).collect()
    }

    #[test]
    fn each_shape_needs_its_own_line() {
        let questions = "auth requisite pam_unix.so\nauth requisite pam_totp.so\n";
        let one_field =
            "auth requisite pam_totp.so forward_pass\nauth requisite pam_unix.so\nauth requisite pam_totp.so\n";
        let (plain, list) = (format!("{PLUGIN} openvpn"), format!("{PLUGIN} \"openvpn {ANSWERS}\""));
        let renewed = |line: &str| format!("port 1194\n{line}\nauth-gen-token 43200\n");
        for (stack, wrong, right) in [(questions, &plain, &list), (one_field, &list, &plain)] {
            assert_eq!(found(stack, &renewed(right)), []);
            let said = found(stack, &renewed(wrong));
            assert_eq!(said.len(), 1);
            assert_eq!(said[0].0, "vpn_prompts");
            assert_eq!(said[0].1[1], "systemctl restart openvpn-server@host");
        }
        assert_eq!(found("auth requisite pam_unix.so\n", &renewed(&plain)), [], "it asks for no code");
        assert_eq!(found(questions, "port 1194\n"), [], "it asks no PAM");
    }

    #[test]
    fn without_a_token_the_code_is_sent_again() {
        let questions = "auth requisite pam_unix.so\nauth requisite pam_totp.so\n";
        let list = format!("{PLUGIN} \"openvpn {ANSWERS}\"\n");
        let codes = |text: &str| found(questions, text).into_iter().map(|found| found.0).collect::<Vec<_>>();
        assert_eq!(codes(&list), ["vpn_renewal"]);
        assert_eq!(codes(&format!("{list}#auth-gen-token\n")), ["vpn_renewal"]);
        assert_eq!(codes(&format!("{list}auth-gen-token\n")), [""; 0]);
        assert_eq!(codes(&format!("{list}reneg-sec 0\n")), [""; 0], "they are never renewed");
    }
}
