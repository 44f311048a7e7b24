//! `inspect`: prints what everyone, including the provider, can read of an object without a key. It
//! is unauthenticated.

use std::fmt::Write as _;

use keystead::{Inspection, RecordInspection, Threads};
use serde_json::{Value, json};

use super::batch::{Batch, Destination, Outcome, TreeOptions};
use super::record_summary::describe;
use crate::args::Inspect;
use crate::failure::Result;
use crate::input::Input;
use crate::object::{Object, explain_parse_failure};
use crate::report::{Report, escaped};
use crate::sidefile;

pub(crate) fn run(args: &Inspect, threads: Threads, report: &Report) -> Result<u8> {
    let inputs = Input::list(&args.inputs)?;
    let tree_options = TreeOptions {
        recursive: args.recursive,
        listing: args.listing,
        objects_only: true,
        destination: Destination::Nowhere,
    };
    Batch { verb: "inspect", threads, tree_options, report }
        .run(&inputs, |task| inspect_object(&task.input, report))
}

fn inspect_object(input: &Input, report: &Report) -> Result<Outcome> {
    let object = Object::open(input)?;
    let inspection = keystead::inspect(&object.prefix, object.len);
    let inspection =
        inspection.map_err(|error| explain_parse_failure(&object.name, error, &object.prefix))?;
    let side = input.path().is_some_and(sidefile::exists);
    if !report.json {
        return Ok(Outcome { text: table(&object, &inspection, side), ..Outcome::default() });
    }
    let mut value = serde_json::to_value(&inspection).unwrap_or(Value::Null);
    value["armored"] = object.armored.into();
    value["interrupted_rewrap"] = side.into();
    value["verified"] = json!(false);
    Ok(Outcome::from(value))
}

fn table(object: &Object, inspection: &Inspection, side: bool) -> String {
    let mut out = String::new();
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(out, "{name:<12} {}", escaped(value));
    };
    row("object", &object.name);
    row("", "unauthenticated: anyone could have written this");
    let armored = if object.armored { ", armored" } else { "" };
    row("format", &format!("version {}, suite {}{armored}", inspection.version, inspection.suite));
    row("id", &inspection.object_id.to_string());
    row("plaintext", &lengths(inspection));
    row("header", &format!("{} bytes, {} used", inspection.header_len, inspection.header_used));
    row(
        "changed",
        &match inspection.generation {
            0 => "never".to_owned(),
            1 => "once (generation 1)".to_owned(),
            n => format!("{n} times (generation {n})"),
        },
    );
    if inspection.has_location {
        row("location", "bound to a place");
    }
    if let Some(len) = inspection.metadata_len {
        row("metadata", &format!("{len} bytes, sealed"));
    }
    for (index, (name, value)) in inspection.context.iter().enumerate() {
        row(if index == 0 { "context" } else { "" }, &format!("{name} = {value}"));
    }
    if inspection.context.is_empty() {
        row("context", "none");
    }
    for (index, record) in inspection.records.iter().enumerate() {
        row(if index == 0 { "opens with" } else { "" }, &way_in(record));
    }
    if side {
        row("rewrap", "interrupted: a side file is there; the next rewrap finishes or discards it");
    }
    out
}

fn lengths(inspection: &Inspection) -> String {
    match (inspection.stated_plaintext_len, inspection.plaintext_len) {
        (Some(stated), Some(found)) if stated == found => format!("{stated} bytes, stated"),
        (Some(stated), Some(found)) => {
            format!("{stated} bytes, stated; but the object has {found}: it was cut or extended")
        }
        (Some(stated), None) => format!("{stated} bytes, stated"),
        (None, Some(found)) => format!("{found} bytes, by the object's length"),
        (None, None) => "not known".to_owned(),
    }
}

fn way_in(record: &RecordInspection) -> String {
    let mut text = describe(record);
    if record.kind == "unknown" {
        text.push_str(&format!(", {} bytes", record.len));
    }
    if let Some(keystead::PassphraseCosts { memory_kib: memory, passes, lanes }) = record.argon2id {
        text.push_str(&format!(", Argon2id {} MiB, {passes} passes, {lanes} lanes", memory / 1024));
    }
    text
}
