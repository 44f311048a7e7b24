//! `config show`: prints each setting in force and where it comes from.

use std::num::NonZeroUsize;

use serde_json::{Value, json};

use super::threads;
use crate::args::ConfigShow;
use crate::config::{Config, Found, Origin};
use crate::failure::Result;
use crate::report::{Report, escaped, shown};

/// Default memory limit for trying a passphrase, in MiB.
const MEMORY: u32 = 1_024;

pub(crate) fn show(args: &ConfigShow, asked: Option<NonZeroUsize>, report: &Report) -> Result<u8> {
    let config = Config::load()?;
    let (keys, keys_from) = match args.keys.is_empty() {
        true => (&config.keys, config.keys_from),
        false => (&args.keys, Origin::Flag("-k")),
    };
    let keys: Vec<_> = keys.iter().map(|key| shown(key.as_ref())).collect();
    let (count, threads_from) = chosen(asked, "--threads", config.threads);
    let count = threads(count).get();
    let (memory, memory_from) =
        chosen(args.passphrase_memory, "--passphrase-memory", config.passphrase_memory);
    let memory = memory.unwrap_or(MEMORY);
    let file = config.file.as_deref().map(shown);
    let state = config.state.as_deref().map(shown);

    if report.json {
        let setting = |name: &str, value: Value, from: Origin| json!({ "name": name, "value": value, "from": source(from, file.as_deref()) });
        report.result(&json!({
            "verb": "config show", "ok": true, "file": file, "read": config.found == Found::Read,
            "state": state,
            "settings": [
                setting("key", json!(keys), keys_from),
                setting("threads", json!(count), threads_from),
                setting("passphrase-memory", json!(memory), memory_from),
            ],
        }))?;
        return Ok(0);
    }
    let unknown = || "no home directory is known".to_owned();
    let found = match config.found {
        Found::Read => "",
        Found::Nothing => " (not there)",
        Found::NotReadable => " (not readable, so it says nothing)",
    };
    let file_line = file.clone().map_or_else(unknown, |file| format!("{file}{found}"));
    let keys_line = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
    let rows = [
        ("file", file_line, None),
        ("state", state.map_or_else(unknown, |state| format!("{state} (not used yet)")), None),
        ("key", keys_line, Some(keys_from)),
        ("threads", count.to_string(), Some(threads_from)),
        ("passphrase-memory", format!("{memory} MiB"), Some(memory_from)),
    ];
    for (name, value, from) in rows {
        let from = from.map(|from| format!("   (from {})", source(from, file.as_deref())));
        report.print(&escaped(&format!("{name:<18} {value}{}", from.unwrap_or_default())))?;
        report.print("\n")?;
    }
    Ok(0)
}

/// Returns a setting and its origin. A flag takes precedence over the file.
fn chosen<T>(flag: Option<T>, name: &'static str, file: Option<T>) -> (Option<T>, Origin) {
    match (flag, file) {
        (Some(value), _) => (Some(value), Origin::Flag(name)),
        (None, Some(value)) => (Some(value), Origin::File),
        (None, None) => (None, Origin::Default),
    }
}

fn source(from: Origin, file: Option<&str>) -> String {
    match from {
        Origin::Flag(name) | Origin::Variable(name) => name.to_owned(),
        Origin::File => file.unwrap_or_default().to_owned(),
        Origin::Default => "the default".to_owned(),
    }
}
