//! Parses the arguments to a verb, or to one error line and one hint.

use std::path::Path;

use clap::Parser as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::args::Cli;
use crate::failure::Failure;
use crate::pasted;
use crate::report::shown;

/// What the command line requests.
pub(crate) enum Parsed {
    Run(Box<Cli>),
    /// Help or version.
    Show(String),
    Refuse(Failure),
}

pub(crate) fn parse() -> Parsed {
    // Errors about arguments repeat them.
    if let Err(failure) = pasted::check_arguments() {
        return Parsed::Refuse(failure);
    }
    match Cli::try_parse() {
        Ok(cli) => Parsed::Run(Box::new(cli)),
        Err(error) => refused(&error),
    }
}

/// Converts an error of clap to one line and one hint.
fn refused(error: &clap::Error) -> Parsed {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            return Parsed::Show(error.render().to_string());
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            let hint = if std::env::args_os().any(|argument| argument == "key") {
                "`keystead key --help` lists what can be done with a key file"
            } else {
                "`keystead --help` lists the verbs; `keystead demo` shows what it is for"
            };
            return Parsed::Refuse(Failure::usage("no command given").hint(hint));
        }
        _ => {}
    }
    if let Some(what) = near_passphrase(error) {
        return Parsed::Refuse(Failure::usage(what).hint(
            "passphrases are asked for on the terminal, or read by --passphrase-fd 3 3< FILE; in the arguments every process sees them",
        ));
    }
    let text = error.render().to_string();
    let head: Vec<_> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let message = head.join(" ");
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    let failure = Failure::usage(message);
    let similar = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg]
        .iter()
        .find_map(|kind| error.get(*kind))
        .and_then(|value| match value {
            ContextValue::String(text) => Some(text.clone()),
            ContextValue::Strings(texts) => texts.last().cloned(),
            _ => None,
        });
    let dashed = std::env::args_os()
        .skip(1)
        .find(|a| a.as_encoded_bytes().starts_with(b"-") && Path::new(a).exists());
    if let Some(name) = dashed {
        let name = shown(Path::new(&name));
        return Parsed::Refuse(failure.hint(format!("file names like {name} go after `--`")));
    }
    Parsed::Refuse(match similar {
        Some(similar) => failure.hint(format!("is it `{similar}`?")),
        None => {
            failure.hint("`keystead --help` lists the verbs, `keystead VERB --help` its options")
        }
    })
}

/// Returns the failure for an error about a passphrase option. It never repeats the value, which
/// may be a passphrase.
fn near_passphrase(error: &clap::Error) -> Option<&'static str> {
    let Some(ContextValue::String(about)) = error.get(ContextKind::InvalidArg) else { return None };
    let option = about.split(['=', ' ']).next().unwrap_or(about);
    match option {
        "--passphrase-fd" => return Some("--passphrase-fd takes the number of an open descriptor"),
        "--passphrase-memory" => return Some("--passphrase-memory takes a number of MiB"),
        "--passphrase" if error.kind() != ErrorKind::UnknownArgument => {
            return Some("--passphrase takes no value");
        }
        _ => {}
    }
    if error.kind() != ErrorKind::UnknownArgument || option.starts_with("--") {
        return None;
    }
    // `-pSECRET`, whose letters are taken for options; `-p SECRET` where no file is taken; and
    // `key passphrase FILE SECRET`.
    std::env::args_os().find_map(|argument| match argument.as_encoded_bytes() {
        b"passphrase" => Some("key passphrase takes one file and nothing else"),
        [b'-', b'p', ..] | [b'-', b'-', b'p', b'a', b's', b's', ..] => Some("-p takes no value"),
        _ => None,
    })
}
