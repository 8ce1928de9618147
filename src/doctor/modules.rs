//! What is known of other modules, and of the programs that call them. Pure.

use super::run::Answer;
use super::stacks::{Action, Line, MODULE};

/// Modules that know the user by a password.
const PASSWORDS: [&str; 16] = [
    "pam_unix.so",
    "pam_sss.so",
    "pam_ldap.so",
    "pam_winbind.so",
    "pam_krb5.so",
    "pam_userdb.so",
    "pam_pwdfile.so",
    "pam_mysql.so",
    "pam_pgsql.so",
    "pam_radius_auth.so",
    "pam_tacplus.so",
    "pam_systemd_home.so",
    "pam_himmelblau.so",
    "pam_oslogin_login.so",
    "pam_unix2.so",
    "pam_vas3.so",
];
/// Modules that know the user by something else.
pub const FACTORS: [&str; 11] = [
    "pam_fprintd.so",
    "pam_u2f.so",
    "pam_yubico.so",
    "pam_ssh_agent_auth.so",
    "pam_pkcs11.so",
    "pam_p11.so",
    "pam_google_authenticator.so",
    "pam_oath.so",
    "pam_duo.so",
    "pam_howdy.so",
    "pam_cockpit_cert.so",
];
/// Modules that give no opinion on who it is.
pub const SILENT: [&str; 13] = [
    "pam_env.so",
    "pam_faildelay.so",
    "pam_nologin.so",
    "pam_motd.so",
    "pam_keyinit.so",
    "pam_group.so",
    "pam_cap.so",
    "pam_ssh_add.so",
    "pam_warn.so",
    "pam_echo.so",
    "pam_gnome_keyring.so",
    "pam_kwallet5.so",
    "pam_mount.so",
];
/// Programs that run PAM as their user: they store nothing, and need the door.
const LOCKERS: [&str; 19] = [
    "swaylock",
    "i3lock",
    "xscreensaver",
    "gtklock",
    "hyprlock",
    "waylock",
    "kde",
    "kscreensaver",
    "kcheckpass",
    "xlock",
    "vlock",
    "light-locker",
    "cinnamon-screensaver",
    "mate-screensaver",
    "gnome-screensaver",
    "xfce4-screensaver",
    "xsecurelock",
    "slock",
    "physlock",
];

/// Services of daemons that run PAM as an account of their own, and what that is called, by the distribution.
const DAEMONS: [(&str, &[&str]); 7] = [
    ("postgresql", &["postgres"]),
    ("nginx", &["www-data", "nginx"]),
    ("apache2", &["www-data", "apache", "wwwrun"]),
    ("httpd", &["apache", "www-data"]),
    ("radiusd", &["freerad", "radiusd"]),
    ("freeradius", &["freerad", "radiusd"]),
    ("squid", &["proxy", "squid"]),
];

/// Is this a module that knows who it is?
pub fn is_credential(line: &Line) -> bool {
    is_password(line) || FACTORS.contains(&line.module_name())
}

/// Is this a module that knows who it is by a password?
pub fn is_password(line: &Line) -> bool {
    PASSWORDS.contains(&line.module_name())
}

/// Answers the same to everybody.
pub fn is_plain(line: &Line) -> bool {
    matches!(line.module_name(), "pam_permit.so" | "pam_deny.so" | "pam_faillock.so" | MODULE)
}

/// What a module says that does not know who it is. A condition that ends or shortens the stack does not hold.
pub fn beside(line: &Line) -> Answer {
    let says = |word: &str| line.arguments.iter().any(|argument| argument == word);
    match line.module_name() {
        "pam_permit.so" => Answer::Success,
        "pam_deny.so" => Answer::Refuse,
        "pam_faillock.so" if says("authfail") => Answer::Refuse,
        "pam_faillock.so" if says("authsucc") => Answer::Success,
        "pam_faillock.so" => Answer::Ignore,
        name if SILENT.contains(&name) => Answer::Ignore,
        _ if is_password(line) || line.is_ours() => Answer::Success,
        _ => match (line.control.action("success"), line.control.action("auth_err")) {
            (Action::Done | Action::Jump(_), Action::Ignore | Action::Ok | Action::Jump(_)) => Answer::Refuse,
            _ => Answer::Success,
        },
    }
}

/// The accounts as which this service may run, if it is a daemon's without root.
pub fn daemon(service: &str) -> &'static [&'static str] {
    DAEMONS.iter().find(|(name, _)| *name == service).map_or(&[], |(_, accounts)| accounts)
}

/// Does this service run as its user?
pub fn runs_without_root(service: &str) -> bool {
    LOCKERS.contains(&service)
}
