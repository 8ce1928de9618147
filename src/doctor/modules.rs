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
/// A program that locks a screen.
#[derive(Clone, Copy, Debug)]
pub struct Locker {
    /// As people know it.
    pub name: &'static str,
    /// PAM_SERVICE.
    pub service: &'static str,
    /// What runs PAM, wherever distributions put it.
    pub programs: &'static [&'static str],
    /// Set-uid root as Debian ships it; else it runs PAM as its user, stores nothing, and needs the door.
    has_root: bool,
}

impl Locker {
    const fn new(service: &'static str, programs: &'static [&'static str]) -> Self {
        Self { name: service, service, programs, has_root: false }
    }

    const fn with_root(service: &'static str, programs: &'static [&'static str]) -> Self {
        Self { name: service, service, programs, has_root: true }
    }

    /// Does it run PAM without root? `are_setuid`: of each of its programs that is installed, whether it is set-uid root.
    pub fn runs_without_root(&self, are_setuid: &[bool]) -> bool {
        if are_setuid.is_empty() { !self.has_root } else { !are_setuid.contains(&true) }
    }
}

/// Looked up in Debian's packages.
pub const LOCKERS: [Locker; 20] = [
    Locker::new("swaylock", &["/usr/bin/swaylock"]),
    Locker::new("i3lock", &["/usr/bin/i3lock"]),
    Locker::new("screen", &["/usr/bin/screen"]),
    Locker::new("gtklock", &["/usr/bin/gtklock"]),
    Locker::new("hyprlock", &["/usr/bin/hyprlock"]),
    Locker::new("waylock", &["/usr/bin/waylock"]),
    Locker::new(
        "kde",
        &[
            "/usr/lib/x86_64-linux-gnu/libexec/kscreenlocker_greet",
            "/usr/lib/aarch64-linux-gnu/libexec/kscreenlocker_greet",
            "/usr/libexec/kscreenlocker_greet",
            "/usr/lib/kscreenlocker_greet",
        ],
    ),
    Locker::new("kde-fingerprint", &[]),
    Locker::new("kde-smartcard", &[]),
    Locker::new("kscreensaver", &[]),
    Locker::new("kcheckpass", &["/usr/lib/x86_64-linux-gnu/libexec/kcheckpass", "/usr/libexec/kcheckpass"]),
    Locker::new(
        "cinnamon-screensaver",
        &["/usr/lib/x86_64-linux-gnu/cinnamon-screensaver/cinnamon-screensaver-pam-helper"],
    ),
    Locker::new("mate-screensaver", &["/usr/lib/mate-screensaver/mate-screensaver-dialog"]),
    Locker::new("gnome-screensaver", &["/usr/libexec/gnome-screensaver-dialog"]),
    Locker::new("xfce4-screensaver", &["/usr/libexec/xfce4-screensaver-dialog"]),
    Locker::new("xlock", &["/usr/bin/xlock"]),
    // Debian's names no service of its own.
    Locker { name: "xsecurelock", ..Locker::new("common-auth", &["/usr/libexec/xsecurelock/authproto_pam"]) },
    Locker::with_root("xscreensaver", &["/usr/libexec/xscreensaver/xscreensaver-auth"]),
    Locker::with_root("vlock", &["/usr/sbin/vlock-main"]),
    Locker::with_root("physlock", &["/usr/bin/physlock"]),
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

/// Does this service run as its user, as Debian ships its program?
pub fn runs_without_root(service: &str) -> bool {
    LOCKERS.iter().any(|locker| locker.service == service && locker.runs_without_root(&[]))
}
