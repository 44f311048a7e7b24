//! Asks on the terminal before something is lost.

use std::io::{self, IsTerminal as _};

use keystead::{Error, ErrorKind};

use crate::cancel;
use crate::failure::{Failure, Result};
use crate::report::Report;

/// Returns whether someone can be asked.
pub(super) fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question. Any answer but yes is a failure.
pub(super) fn confirm(question: &str, report: &Report) -> Result<()> {
    let answer = cancel::with_terminal(|| {
        report.ask(question)?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map(|_| answer)
    })?;
    let answer = answer.map_err(|error| Failure::at("stdin", Error::Io(error)))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(ErrorKind::Cancelled, "cancelled; nothing was changed")
            .hint("--dry-run shows what would change; --yes does not ask")),
    }
}
