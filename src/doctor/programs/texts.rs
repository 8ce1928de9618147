//! Configuration of other programs, as text. Pure.

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Where.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// What is read: a file, every file of a folder (`/` at the end), or each whose name begins and ends so (`*` in it); `/*/`
/// is each folder there. OpenVPN keeps its keys beside its settings: they are none of ours to read.
pub const PLACES: [&str; 37] = [
    "/etc/proftpd/proftpd.conf",
    "/etc/proftpd/conf.d/",
    "/etc/proftpd.conf",
    "/etc/pure-ftpd/conf/",
    "/etc/pure-ftpd.conf",
    "/etc/default/saslauthd*",
    "/etc/sysconfig/saslauthd",
    "/etc/postfix/sasl/",
    "/etc/sasl2/",
    "/usr/lib/sasl2/",
    "/usr/lib64/sasl2/",
    "/etc/imapd.conf",
    "/etc/dovecot/dovecot.conf",
    "/etc/dovecot/local.conf",
    "/etc/dovecot/conf.d/",
    "/etc/courier/authdaemonrc",
    "/etc/openvpn/*.conf",
    "/etc/openvpn/server/*.conf",
    "/etc/webmin/miniserv.conf",
    "/etc/webmin/miniserv.users",
    "/etc/usermin/miniserv.conf",
    "/etc/usermin/miniserv.users",
    "/etc/squid/squid.conf",
    "/etc/squid/conf.d/",
    "/etc/apache2/apache2.conf",
    "/etc/apache2/conf-enabled/",
    "/etc/apache2/sites-enabled/",
    "/etc/apache2/mods-enabled/",
    "/etc/httpd/conf/httpd.conf",
    "/etc/httpd/conf.d/",
    "/etc/samba/smb.conf",
    "/etc/nginx/nginx.conf",
    "/etc/nginx/conf.d/",
    "/etc/nginx/sites-enabled/",
    "/etc/postgresql/*/*/pg_hba.conf",
    "/var/lib/pgsql/data/pg_hba.conf",
    "/var/lib/pgsql/*/data/pg_hba.conf",
];

/// Those under a path.
pub(super) fn of<'a>(texts: &'a [Text], path: &str) -> Vec<&'a Text> {
    texts.iter().filter(|text| text.path.starts_with(path)).collect()
}

/// Dovecot's, in the order in which it reads them. A file with another ending counts where it is included.
pub fn dovecot(texts: &[Text]) -> Vec<&Text> {
    let (own, others): (Vec<&Text>, Vec<&Text>) =
        of(texts, "/etc/dovecot/").into_iter().partition(|text| text.path.ends_with(".conf"));
    own.into_iter().flat_map(|text| with_included(text, &others)).collect()
}

/// A file, and behind it those that it includes. Each of the others counts once, however they include one another.
fn with_included<'a>(text: &'a Text, others: &[&'a Text]) -> Vec<&'a Text> {
    let names: Vec<&str> = text.text.lines().filter_map(include).map(file_name).collect();
    let (included, left): (Vec<&Text>, Vec<&Text>) =
        others.iter().partition(|other| names.contains(&file_name(&other.path)));
    let below = included.into_iter().flat_map(|other| with_included(other, &left));
    std::iter::once(text).chain(below).collect()
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn include(line: &str) -> Option<&str> {
    let line = line.trim();
    let path = line.strip_prefix("!include_try ").or_else(|| line.strip_prefix("!include "))?;
    Some(path.trim())
}

/// The services that daemons are told to go by, each with the one that is the daemon's own.
pub fn daemons(texts: &[Text]) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    for Text { path, text } in texts {
        let bare = |value: &String| value.trim_matches(['"', '\'', ';', ' ']).to_owned();
        let named = |key: &str| settings(text, key, ' ').iter().map(bare).collect::<Vec<_>>();
        let (services, own) = match path.as_str() {
            path if path.starts_with("/etc/nginx/") => (named("auth_pam_service_name"), "nginx"),
            path if path.starts_with("/etc/apache2/") || path.starts_with("/etc/httpd/") => {
                (named("AuthPAMService"), "apache2")
            }
            path if path.ends_with("/pg_hba.conf") => (pamservices(text), "postgresql"),
            _ => continue,
        };
        found.extend(services.into_iter().map(|service| (service, own)));
    }
    found.sort();
    found.dedup();
    found
}

/// Those of PostgreSQL's file of clients.
fn pamservices(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let words = lines.flat_map(str::split_whitespace).filter_map(|word| word.strip_prefix("pamservice="));
    words.map(|word| word.trim_matches('"').to_owned()).collect()
}

/// The values of a key, in lines of their own; no comments.
pub(super) fn settings(text: &str, key: &str, between: char) -> Vec<String> {
    let value = |line: &str| {
        let line = line.trim();
        let (word, rest) = match between {
            ' ' => line.split_once(char::is_whitespace)?,
            other => line.split_once(other)?,
        };
        word.trim().eq_ignore_ascii_case(key).then(|| rest.trim().to_owned())
    };
    text.lines().filter_map(value).collect()
}

/// The last of them, which counts.
pub(super) fn setting(text: &str, key: &str, between: char) -> Option<String> {
    settings(text, key, between).pop()
}

/// That of a shell's variable, without its quotes.
pub(super) fn set(text: &str, key: &str) -> Option<String> {
    let value = setting(text, key, '=')?;
    Some(value.trim_matches(['"', '\'']).trim().to_owned())
}
