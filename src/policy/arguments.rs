//! The module's arguments. Pure.

use std::ffi::CStr;
use std::fmt;
use std::path::PathBuf;

/// What a line in a stack says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// `config=PATH`: another policy than the host's.
    pub config: Option<PathBuf>,
    /// `nullok`: who is not enrolled may pass, where the policy says nothing.
    pub nullok: bool,
    /// `use_first_pass`: the whole PAM_AUTHTOK is the code.
    pub use_first_pass: bool,
    /// `try_first_pass`: PAM_AUTHTOK is the code if it has the shape of one, else ask.
    pub try_first_pass: bool,
    /// `forward_pass`: ask for password and code in one, pass the password on, keep the code for the next line.
    pub forward_pass: bool,
    /// `after=publickey`: refuse unless sshd has seen a public key.
    pub after_publickey: bool,
    /// `explain`: say why; only where a password or key came before.
    pub explain: bool,
    /// `prompt=TEXT`: instead of the policy's.
    pub prompt: Option<String>,
    /// `echo`: show what is typed.
    pub echo: bool,
    /// `nodelay`: ask PAM for no delay after a failure.
    pub nodelay: bool,
    /// `quiet`: say nothing but the prompt.
    pub quiet: bool,
    /// `debug`: log what is decided on the way.
    pub debug: bool,
    /// `local`: the program serves people at this host alone.
    pub local: bool,
    /// `remote`: the program serves people elsewhere.
    pub remote: bool,
}

/// An argument that is not understood: refused, because it may be a rule that somebody relies on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadOption(pub String);

impl fmt::Display for BadOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "module argument {}: see pam_totp(8); refusing everybody until it is fixed", self.0)
    }
}

impl Arguments {
    /// Reads the arguments of a line.
    pub fn parse(arguments: &[&CStr]) -> Result<Self, BadOption> {
        panic_here!("options");
        let mut options = Self::default();
        for argument in arguments {
            let text = argument.to_str().map_err(|_| bad(&argument.to_string_lossy(), "is not UTF-8"))?;
            options.set(text)?;
        }
        match () {
            () if options.use_first_pass && options.forward_pass => {
                Err(bad("use_first_pass", "contradicts forward_pass"))
            }
            () if options.try_first_pass && options.forward_pass => {
                Err(bad("try_first_pass", "contradicts forward_pass"))
            }
            () if options.try_first_pass && options.use_first_pass => {
                Err(bad("try_first_pass", "contradicts use_first_pass"))
            }
            () if options.local && options.remote => Err(bad("local", "contradicts remote")),
            () => Ok(options),
        }
    }

    fn set(&mut self, argument: &str) -> Result<(), BadOption> {
        match argument.split_once('=') {
            None => {
                let flag = match argument {
                    "nullok" => &mut self.nullok,
                    "use_first_pass" => &mut self.use_first_pass,
                    "try_first_pass" => &mut self.try_first_pass,
                    "forward_pass" => &mut self.forward_pass,
                    "explain" => &mut self.explain,
                    "echo" => &mut self.echo,
                    "nodelay" => &mut self.nodelay,
                    "quiet" => &mut self.quiet,
                    "debug" => &mut self.debug,
                    "local" => &mut self.local,
                    "remote" => &mut self.remote,
                    _ => return Err(bad(argument, "is unknown")),
                };
                *flag = true;
            }
            Some(("config", path)) if path.starts_with('/') => self.config = Some(path.into()),
            Some(("config", _)) => return Err(bad(argument, "needs an absolute path")),
            Some(("prompt", text)) if !text.is_empty() && text.len() <= 128 && !text.chars().any(char::is_control) => {
                self.prompt = Some(text.to_owned());
            }
            Some(("prompt", _)) => return Err(bad(argument, "needs a text of one line")),
            Some(("after", "publickey")) => self.after_publickey = true,
            Some(("after", _)) => return Err(bad(argument, "is unknown: only after=publickey")),
            Some(_) => return Err(bad(argument, "is unknown")),
        }
        Ok(())
    }
}

fn bad(argument: &str, what: &str) -> BadOption {
    BadOption(format!("'{}' {what}", crate::text::clean(argument)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_is_understood() {
        let all = [
            c"config=/etc/x.toml",
            c"nullok",
            c"use_first_pass",
            c"after=publickey",
            c"explain",
            c"prompt=Code: ",
            c"echo",
            c"nodelay",
            c"quiet",
            c"debug",
            c"local",
        ];
        let expected = Arguments {
            config: Some("/etc/x.toml".into()),
            nullok: true,
            use_first_pass: true,
            try_first_pass: false,
            forward_pass: false,
            after_publickey: true,
            explain: true,
            prompt: Some("Code: ".into()),
            echo: true,
            nodelay: true,
            quiet: true,
            debug: true,
            local: true,
            remote: false,
        };
        assert_eq!(Arguments::parse(&all), Ok(expected));
        assert!(Arguments::parse(&[c"remote"]).unwrap().remote);
        assert!(Arguments::parse(&[c"forward_pass"]).unwrap().forward_pass);
        assert!(Arguments::parse(&[c"try_first_pass"]).unwrap().try_first_pass);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let wrong = [c"nulok", c"nullok=yes", c"config=etc", c"config=", c"prompt=", c"prompt=a\nb", c"after=password"];
        for argument in wrong.into_iter().chain([c"", c"explain ", c"\xff"]) {
            assert!(Arguments::parse(&[argument]).is_err(), "{argument:?}");
        }
        let both = Arguments::parse(&[c"use_first_pass", c"forward_pass"]).unwrap_err();
        let told = "module argument 'use_first_pass' contradicts forward_pass: see pam_totp(8); refusing everybody until \
                    it is fixed";
        assert_eq!(both.to_string(), told);
        for other in [c"use_first_pass", c"forward_pass"] {
            let told = format!("'try_first_pass' contradicts {}", other.to_str().unwrap());
            for both in [[c"try_first_pass", other], [other, c"try_first_pass"]] {
                assert_eq!(Arguments::parse(&both).unwrap_err().0, told);
            }
        }
        for both in [[c"local", c"remote"], [c"remote", c"local"]] {
            assert_eq!(Arguments::parse(&both).unwrap_err().0, "'local' contradicts remote");
        }
    }
}
