//! The arguments of a line, one behind the other with NUL between them: what is understood says the same when it is
//! written out again, and what is not is told in one line.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;

use pam_totp::policy::arguments::Arguments;

pub fn hold(bytes: &[u8]) {
    let arguments: Vec<CString> =
        bytes.split(|byte| *byte == 0).map(|argument| CString::new(argument).expect("no NUL is left")).collect();
    match parse(&arguments) {
        Ok(options) => {
            assert!(options.config.as_ref().is_none_or(|path| path.is_absolute()));
            let line = |text: &String| (1..=128).contains(&text.len()) && !text.chars().any(char::is_control);
            assert!(options.prompt.as_ref().is_none_or(line));
            let takes = [options.use_first_pass, options.try_first_pass, options.forward_pass];
            assert!(takes.iter().filter(|takes| **takes).count() <= 1, "they contradict each other");
            assert!(!(options.local && options.remote), "so do these");
            assert_eq!(parse(&printed(&options)).as_ref(), Ok(&options));
            // No argument counts for nothing, and none can be taken back by what follows.
            let more: Vec<CString> = arguments.iter().cloned().chain([c"debug".into()]).collect();
            assert_eq!(parse(&more), Ok(Arguments { debug: true, ..options }));
        }
        Err(fault) => {
            let told = fault.to_string();
            assert!(!told.chars().any(char::is_control), "{told:?}");
            let more: Vec<CString> = arguments.iter().cloned().chain([c"debug".into()]).collect();
            assert_eq!(parse(&more), Err(fault), "the first fault is told");
        }
    }
}

fn parse(arguments: &[CString]) -> Result<Arguments, pam_totp::policy::arguments::BadOption> {
    Arguments::parse(&arguments.iter().map(CString::as_c_str).collect::<Vec<&CStr>>())
}

fn printed(options: &Arguments) -> Vec<CString> {
    let flags = [
        (options.nullok, "nullok"),
        (options.use_first_pass, "use_first_pass"),
        (options.try_first_pass, "try_first_pass"),
        (options.forward_pass, "forward_pass"),
        (options.after_publickey, "after=publickey"),
        (options.explain, "explain"),
        (options.echo, "echo"),
        (options.nodelay, "nodelay"),
        (options.quiet, "quiet"),
        (options.debug, "debug"),
        (options.local, "local"),
        (options.remote, "remote"),
    ];
    let flags = flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name.as_bytes().to_vec());
    let config = options.config.iter().map(|path| [b"config=", path.as_os_str().as_bytes()].concat());
    let prompt = options.prompt.iter().map(|text| [b"prompt=", text.as_bytes()].concat());
    flags.chain(config).chain(prompt).map(|argument| CString::new(argument).expect("no NUL")).collect()
}
