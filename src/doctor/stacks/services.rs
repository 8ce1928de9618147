//! What is known of the programs that run PAM: who they are when they do. Pure.

/// Services of programs that ask PAM as root, for all users: there pam_rootok accepts everybody.
const OF_ROOT: [&str; 24] = [
    "sshd",
    "login",
    "remote",
    "rlogin",
    "cockpit",
    "gdm",
    "gdm-password",
    "gdm-fingerprint",
    "gdm-smartcard",
    "lightdm",
    "sddm",
    "xdm",
    "xrdp-sesman",
    "vsftpd",
    "proftpd",
    "pure-ftpd",
    "ftp",
    "dovecot",
    "imap",
    "pop3",
    "smtp",
    "cups",
    "webmin",
    "usermin",
];

/// Does this service ask PAM as root, for all users?
pub fn runs_as_root(service: &str) -> bool {
    OF_ROOT.contains(&service)
}

/// What people call the programs whose logins they know.
const TITLES: [(&str, &str); 31] = [
    ("sshd", "SSH"),
    ("login", "Console login"),
    ("su", "su"),
    ("su-l", "su -"),
    ("sudo", "sudo"),
    ("sudo-i", "sudo -i"),
    ("doas", "doas"),
    ("cockpit", "Cockpit"),
    ("polkit-1", "pkexec and run0"),
    ("gdm-password", "GNOME"),
    ("lightdm", "LightDM"),
    ("greetd", "greetd"),
    ("sddm", "SDDM"),
    ("xdm", "XDM"),
    ("xrdp-sesman", "Remote desktop (xrdp)"),
    ("vsftpd", "FTP (vsftpd)"),
    ("proftpd", "FTP (ProFTPD)"),
    ("pure-ftpd", "FTP (Pure-FTPd)"),
    ("dovecot", "Mail (Dovecot)"),
    ("imap", "Mail (IMAP)"),
    ("pop3", "Mail (POP3)"),
    ("smtp", "Mail (SMTP)"),
    ("cups", "Printing (CUPS)"),
    ("postgresql", "PostgreSQL"),
    ("nginx", "Web server (nginx)"),
    ("apache2", "Web server (Apache)"),
    ("httpd", "Web server (Apache)"),
    ("radiusd", "RADIUS"),
    ("openvpn", "OpenVPN"),
    ("webmin", "Webmin"),
    ("usermin", "Usermin"),
];

/// What people call the program of this service; `None`: it is not one that is known.
pub fn title(service: &str) -> Option<&'static str> {
    let known = TITLES.iter().find(|(name, _)| *name == service).map(|(_, title)| *title);
    known.or_else(|| LOCKERS.iter().find(|locker| locker.service == service).map(|locker| locker.name))
}

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
    /// Whatever bits it has: it gives root up before it asks PAM.
    gives_root_up: bool,
}

impl Locker {
    const fn new(service: &'static str, programs: &'static [&'static str]) -> Self {
        Self { name: service, service, programs, has_root: false, gives_root_up: false }
    }

    const fn with_root(service: &'static str, programs: &'static [&'static str]) -> Self {
        Self { has_root: true, ..Self::new(service, programs) }
    }

    /// As people know it, with its service where that is called otherwise.
    pub fn shown(&self) -> String {
        match self.name == self.service {
            true => self.name.to_owned(),
            false => format!("{} ({})", self.name, self.service),
        }
    }

    /// Does it run PAM without root? `are_setuid`: of each of its programs that is installed, whether it is set-uid root.
    pub fn runs_without_root(&self, are_setuid: &[bool]) -> bool {
        self.gives_root_up || if are_setuid.is_empty() { !self.has_root } else { !are_setuid.contains(&true) }
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
    Locker { gives_root_up: true, ..Locker::new("xscreensaver", &["/usr/libexec/xscreensaver/xscreensaver-auth"]) },
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

/// The accounts as which this service may run, if it is a daemon's without root.
pub fn daemon(service: &str) -> &'static [&'static str] {
    DAEMONS.iter().find(|(name, _)| *name == service).map_or(&[], |(_, accounts)| accounts)
}

/// Does this service run as its user, as Debian ships its program?
pub fn runs_without_root(service: &str) -> bool {
    LOCKERS.iter().any(|locker| locker.service == service && locker.runs_without_root(&[]))
}
