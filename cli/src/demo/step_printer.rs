//! Prints the steps of the demo: number, title, measurement and what it proves.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use keystead::ErrorKind;
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::report::{Report, escaped};

/// The result of a step.
pub(crate) struct StepResult {
    pub(crate) measured: Vec<String>,
    pub(crate) proves: &'static str,
}

impl StepResult {
    pub(crate) fn new(measured: impl Into<String>, proves: &'static str) -> Self {
        Self { measured: vec![measured.into()], proves }
    }

    /// Adds another line.
    pub(crate) fn line(mut self, line: impl Into<String>) -> Self {
        self.measured.push(line.into());
        self
    }
}

pub(crate) struct StepPrinter<'a> {
    report: &'a Report,
    colour: bool,
    steps: Vec<Value>,
}

impl<'a> StepPrinter<'a> {
    pub(crate) fn new(report: &'a Report) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { report, colour: io::stdout().is_terminal() && !plain, steps: Vec::new() }
    }

    pub(crate) fn intro(&self, lines: &[&str]) -> Result<()> {
        self.report.styled(&format!("{}\n\n", lines.join("\n")))
    }

    /// Runs a step and prints it. A failure names the step.
    pub(crate) fn step(
        &mut self,
        title: &str,
        work: impl FnOnce() -> Result<StepResult>,
    ) -> Result<()> {
        let number = self.steps.len() + 1;
        let start = Instant::now();
        let result = work().map_err(|failure| Failure {
            class: ErrorKind::Io,
            message: format!("demo: step {number}, {title}: {}", failure.message),
            ..failure
        })?;
        let took = start.elapsed();
        self.steps.push(json!({
            "step": number, "title": title, "measured": result.measured, "proves": result.proves,
            "seconds": took.as_secs_f64(),
        }));
        let mut text = format!(
            "{} {} ",
            self.paint("1", &format!("{number:>2}")),
            self.paint("1", &format!("{title:<17}")),
        );
        let time = format!("[{}]", duration(took));
        let (first, rest) =
            result.measured.split_first().ok_or_else(|| surprise("nothing to tell"))?;
        let mut lines = wrapped(&format!("{} {time}", escaped(first)));
        lines.extend(rest.iter().flat_map(|line| wrapped(&escaped(line))));
        let held = wrapped(&format!("held: {}", result.proves));
        lines.extend(held.iter().map(|line| self.paint("32", line)));
        text.push_str(&lines.join(&format!("\n{INDENT}")).replacen(
            &time,
            &self.paint("2", &time),
            1,
        ));
        text.push_str("\n\n");
        self.report.styled(&text)
    }

    pub(crate) fn end(self, kept: Option<String>) -> Result<()> {
        if let Some(kept) = &kept {
            self.report.line(&format!("kept in {kept}: customer/ and provider/"))?;
        }
        let count = self.steps.len();
        self.report.line(&format!("demo: all {count} steps held"))?;
        self.report
            .result(&json!({ "verb": "demo", "ok": true, "steps": self.steps, "kept": kept }))
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Characters of a line after the indent: 99 in all.
const WIDTH: usize = 78;
/// Indent to the first word of the measurement.
const INDENT: &str = "                     ";

/// Wraps text at spaces to lines of at most [`WIDTH`] characters. Text that fits keeps its spaces.
fn wrapped(text: &str) -> Vec<String> {
    if text.chars().count() <= WIDTH {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let used = lines.last().map_or(0, |line| line.chars().count());
        if used > 0 && used + 1 + word.chars().count() > WIDTH {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// Returns the failure for something that must not happen.
pub(crate) fn surprise(what: impl Into<String>) -> Failure {
    Failure::new(ErrorKind::Io, what)
        .hint("this is a bug; please report it with what `keystead --version` prints")
}

/// Formats bytes with a decimal unit.
pub(crate) fn format_size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit / (unit / 10));
    match bytes {
        0..=9_999 => format!("{} B", format_count(bytes)),
        10_000..=999_999 => format!("{} kB", tenths(1_000)),
        1_000_000..=999_999_999 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

/// Formats a number with separators.
pub(crate) fn format_count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Formats bytes per second.
pub(crate) fn format_rate(bytes: u64, took: Duration) -> String {
    let micros = took.as_micros().max(1);
    let rate = u128::from(bytes) * 1_000_000 / micros;
    format!("{}/s", format_size(u64::try_from(rate).unwrap_or(u64::MAX)))
}

fn duration(took: Duration) -> String {
    match took.as_millis() {
        0 => format!("{}µs", took.as_micros()),
        millis @ 1..=9_999 => format!("{millis}ms"),
        millis => format!("{}s", millis / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(format_count(1_234_567), "1,234,567");
        assert_eq!(format_size(999), "999 B");
        assert_eq!(format_size(1_234_567), "1.2 MB");
        assert_eq!(format_rate(5_000_000, Duration::from_secs(1)), "5.0 MB/s");
    }
}
