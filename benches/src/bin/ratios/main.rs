//! The goals, judged: ours against the floor or the rival in turns, the median of the ratios.
//!
//! `ratios [--short] [--json FILE] [--series FILE] [WORD…]`: only rows whose work has a WORD.

mod rows;
mod series;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use keystead_benches::paired::Effort;

struct Arguments {
    effort: Effort,
    json: Option<PathBuf>,
    series: Option<PathBuf>,
    words: Vec<String>,
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments =
        Arguments { effort: Effort::FULL, json: None, series: None, words: Vec::new() };
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        let mut file = || given.next().map(PathBuf::from).ok_or(format!("{argument} FILE"));
        match argument.as_str() {
            "--short" => arguments.effort = Effort::SHORT,
            "--json" => arguments.json = Some(file()?),
            "--series" => arguments.series = Some(file()?),
            word if word.starts_with('-') => return Err(format!("what is {word}?")),
            word => arguments.words.push(word.to_owned()),
        }
    }
    Ok(arguments)
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}\nratios [--short] [--json FILE] [--series FILE] [WORD…]");
            return ExitCode::from(2);
        }
    };
    let write = |path: &PathBuf, value: serde_json::Value| {
        let text = serde_json::to_string_pretty(&value).expect("plain values");
        std::fs::write(path, text + "\n").expect("the file can be written");
    };
    if let Some(path) = &arguments.series {
        write(path, series::all(arguments.effort));
        return ExitCode::SUCCESS;
    }
    let mut table = table::Table::new(arguments.words);
    rows::all(arguments.effort, &mut table);
    table.end();
    if let Some(path) = &arguments.json {
        write(path, table.json());
    }
    ExitCode::SUCCESS
}
