//! The command line of keystead: parses the arguments, runs one verb and returns its exit code.
#![forbid(unsafe_code)]

mod args;
mod attributes;
mod cancel;
#[cfg(unix)]
mod claim;
mod config;
mod conflicts;
mod demo;
mod failure;
mod filesystem;
mod hold_back;
mod input;
mod keys;
mod mangled;
mod object;
mod opening_keys;
mod other_key;
mod output;
mod paper;
mod parse;
mod passphrase;
mod pasted;
mod permissions;
mod platform;
mod positional;
mod private_names;
mod progress;
mod publish;
mod quick_run;
mod report;
mod sidefile;
mod small_file;
mod sniff;
mod sparse;
mod staging;
mod stdio;
mod times;
mod tree;
mod verbs;
mod workers;

use std::process::ExitCode;

use parse::Parsed;
use report::Report;

fn main() -> ExitCode {
    let mut args = match parse::parse() {
        Parsed::Run(args) => args,
        Parsed::Show(text) => return show(&text),
        Parsed::Refuse(failure) => return Report::new(false, false).end(Err(failure)),
    };
    let report = Report::new(args.quiet, args.json);
    if let Err(failure) = config::apply(&mut args) {
        return report.end(Err(failure));
    }
    let watched = cancel::block()
        .and_then(|()| if quick_run::is_quick(&args.verb) { Ok(()) } else { cancel::listen() });
    let ready = watched.and_then(|()| conflicts::check_streams()).and_then(|()| match args.json {
        // Without stdout, the results would be lost.
        true => stdio::check_stdout(),
        false => Ok(()),
    });
    let code = report.end(ready.and_then(|()| verbs::run(&args, &report)));
    cancel::unblock();
    code
}

/// Prints help or version to stdout.
fn show(text: &str) -> ExitCode {
    let report = Report::new(false, false);
    let end = report.print(text).map(|()| 0);
    report.end(end)
}
