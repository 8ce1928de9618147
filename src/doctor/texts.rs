//! Configuration of other programs, as text. Pure.

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Where.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// What is read: a file, every file of a folder (`/` at the end), or each whose name begins so (`*` at the end).
pub const PLACES: [&str; 27] = [
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
    "/etc/webmin/miniserv.conf",
    "/etc/usermin/miniserv.conf",
    "/etc/squid/squid.conf",
    "/etc/squid/conf.d/",
    "/etc/apache2/apache2.conf",
    "/etc/apache2/conf-enabled/",
    "/etc/apache2/sites-enabled/",
    "/etc/apache2/mods-enabled/",
    "/etc/httpd/conf/httpd.conf",
    "/etc/httpd/conf.d/",
    "/etc/samba/smb.conf",
];

/// Those under a path.
pub(super) fn of<'a>(texts: &'a [Text], path: &str) -> Vec<&'a Text> {
    texts.iter().filter(|text| text.path.starts_with(path)).collect()
}

/// Dovecot's, in the order in which it reads them. A file with another ending counts where it is included.
pub fn dovecot(texts: &[Text]) -> Vec<&Text> {
    let all = of(texts, "/etc/dovecot/");
    let included: Vec<&str> = all.iter().flat_map(|text| text.text.lines()).filter_map(include).collect();
    let counts = |text: &&Text| {
        let name = text.path.rsplit('/').next().unwrap_or_default();
        text.path.ends_with(".conf") || included.iter().any(|path| path.rsplit('/').next() == Some(name))
    };
    all.into_iter().filter(counts).collect()
}

fn include(line: &str) -> Option<&str> {
    let line = line.trim();
    let path = line.strip_prefix("!include_try ").or_else(|| line.strip_prefix("!include "))?;
    Some(path.trim())
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
