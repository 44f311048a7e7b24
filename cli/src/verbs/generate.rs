//! `completions` and `man`: generated from the description of the arguments.

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use keystead::Error;
use serde_json::json;

use crate::args::{Cli, Completions, ManPage};
use crate::failure::{Failure, Result};
use crate::report::Report;

pub(crate) fn completions(args: &Completions, report: &Report) -> Result<u8> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "keystead", &mut text);
    print("completions", &text, report)
}

/// Prints the page of one verb, or of all.
pub(crate) fn man(args: &ManPage, report: &Report) -> Result<u8> {
    let mut command = Cli::command();
    command.build();
    for verb in &args.verb {
        command = below(&command, verb)?;
    }
    let mut text = Vec::new();
    Man::new(command).render(&mut text).map_err(|error| Failure::at("man", Error::Io(error)))?;
    print("man", &text, report)
}

fn below(command: &Command, verb: &str) -> Result<Command> {
    let found = command.get_subcommands().find(|found| found.get_name() == verb);
    found.cloned().ok_or_else(|| {
        let verbs: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
        let failure = Failure::usage(format!("man {verb}: there is no such verb"));
        if verbs.is_empty() {
            failure
        } else {
            failure.hint(format!("one of {}", verbs.join(", ")))
        }
    })
}

fn print(verb: &str, text: &[u8], report: &Report) -> Result<u8> {
    let text = String::from_utf8_lossy(text);
    if report.json {
        report.result(&json!({ "verb": verb, "ok": true, "text": text }))?;
    } else {
        report.print(&text)?;
    }
    Ok(0)
}
