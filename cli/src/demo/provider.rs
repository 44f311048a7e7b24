//! What the provider can do with what it holds: look, and search.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use super::sandbox::{DemoFile, Sandbox, read};
use super::step_printer::{StepResult, format_count, format_size, surprise};
use crate::failure::{Failure, Result};

/// Rows of the table.
const ROWS: usize = 6;
/// Bytes of plaintext that are searched for.
const SNIPPET: usize = 32;

pub(crate) fn look(stage: &Sandbox) -> Result<StepResult> {
    let mut result = StepResult::new(
        "all that the provider sees, by `keystead inspect`:",
        "names, sizes, key ids and the context are in sight; contents are not",
    )
    .line(format!("{:<28} {:>9}  {:<19} {}", "name", "bytes", "opens with", "body begins with"));
    for item in stage.files.iter().take(ROWS) {
        result = result.line(row(stage, item)?);
    }
    let more = stage.files.len().saturating_sub(ROWS);
    if more > 0 {
        result =
            result.line(format!("… and {} more", format_count(u64::try_from(more).unwrap_or(0))));
    }
    Ok(result.line(format!("context of the first: path = {}", cut(&first(stage)?.name, 54))))
}

fn first(stage: &Sandbox) -> Result<&DemoFile> {
    super::customer::largest(stage)
}

fn row(stage: &Sandbox, item: &DemoFile) -> Result<String> {
    let path = stage.object(item);
    let failed = |error| Failure::io(&path, error);
    let mut file = File::open(&path).map_err(failed)?;
    let len = file.metadata().map_err(failed)?.len();
    let mut start = Vec::new();
    (&file).take(65_536).read_to_end(&mut start).map_err(failed)?;
    let seen = keystead::inspect(&start, Some(len)).map_err(|e| Failure::at(&item.name, e))?;
    let header = u64::try_from(seen.header_len).unwrap_or(0);
    file.seek(SeekFrom::Start(header)).map_err(failed)?;
    let mut body = [0; 8];
    file.read_exact(&mut body).map_err(failed)?;
    let ids: Vec<_> = seen
        .records
        .iter()
        .filter_map(|record| record.key_id)
        .map(|id| cut(&id.to_string(), 9))
        .collect();
    let hex: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!(
        "{:<28} {:>9}  {:<19} {hex}",
        short(&item.name, 25) + ".ks",
        format_size(len),
        ids.join(" ")
    ))
}

/// Shortens text to `width` characters by cutting the end.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

/// Shortens text to `width` characters by cutting the start: the end of a path says more.
pub(crate) fn short(text: &str, width: usize) -> String {
    let len = text.chars().count();
    if len <= width {
        return text.to_owned();
    }
    ['…'].into_iter().chain(text.chars().skip(len - (width - 1))).collect()
}

/// Searches for plaintext in everything that the provider holds. The same search in the customer's
/// files proves that it works.
pub(crate) fn search(stage: &Sandbox) -> Result<StepResult> {
    let snippets = snippets(stage)?;
    let made = snippets.sorted.len();
    let (mut clear, mut store, mut searched) = (vec![false; made], vec![false; made], 0);
    for item in &stage.files {
        snippets.mark(&read(&stage.clear(item))?, &mut clear);
        let object = read(&stage.object(item))?;
        searched += u64::try_from(object.len()).unwrap_or(0);
        snippets.mark(&object, &mut store);
    }
    let found = |marks: &[bool]| marks.iter().filter(|mark| **mark).count();
    let (in_clear, in_store) = (found(&clear), found(&store));
    if in_clear < made {
        return Err(surprise(format!("the search found {in_clear} of {made} in the clear files")));
    }
    if in_store > 0 {
        return Err(surprise(format!("{in_store} pieces of plaintext in the provider's folder")));
    }
    let number = |n: usize| format_count(u64::try_from(n).unwrap_or(0));
    Ok(StepResult::new(
        format!(
            "{} pieces of plaintext, {SNIPPET} bytes each, looked for in {}: 0 found",
            number(made),
            format_size(searched)
        ),
        "the provider's folder holds no plaintext",
    )
    .line(format!("the same search in the customer's own files: all {} found", number(in_clear))))
}

/// Pieces of plaintext to search for.
struct Snippets {
    sorted: Vec<[u8; SNIPPET]>,
    /// Which first two bytes occur, so that most offsets cost one lookup.
    starts: Vec<bool>,
}

impl Snippets {
    /// Marks those that occur in `bytes`.
    fn mark(&self, bytes: &[u8], found: &mut [bool]) {
        for window in bytes.windows(SNIPPET) {
            if self.starts[start(window[0], window[1])]
                && let Ok(index) = self.sorted.binary_search_by(|piece| piece[..].cmp(window))
            {
                found[index] = true;
            }
        }
    }
}

/// Takes one piece from the middle of each file. Pieces with few distinct bytes may occur anywhere,
/// and paths are public.
fn snippets(stage: &Sandbox) -> Result<Snippets> {
    let paths: Vec<_> = stage.files.iter().map(|item| item.name.as_str()).collect();
    let paths = paths.join("\n");
    let mut sorted = Vec::new();
    for item in &stage.files {
        let clear = read(&stage.clear(item))?;
        let middle = clear.len() / 2;
        let Some(piece) = clear.get(middle..).and_then(|rest| rest.first_chunk::<SNIPPET>()) else {
            continue;
        };
        let mut distinct = piece.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let in_sight = paths.as_bytes().windows(SNIPPET).any(|window| window == piece);
        if distinct.len() >= 8 && !in_sight {
            sorted.push(*piece);
        }
    }
    sorted.sort_unstable();
    sorted.dedup();
    let mut starts = vec![false; 65_536];
    for snippet in &sorted {
        starts[start(snippet[0], snippet[1])] = true;
    }
    Ok(Snippets { sorted, starts })
}

fn start(first: u8, second: u8) -> usize {
    usize::from(first) * 256 + usize::from(second)
}
