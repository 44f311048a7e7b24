//! Collects the files of the demo: copies of the files at PATH, and two of its own.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::sandbox::{DemoFile, Sandbox, make_parent};
use super::step_printer::{StepResult, format_count, format_size};
use crate::failure::{Failure, Result};
use crate::report::shown;

/// Maximum bytes to copy; more would not prove more.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// See [`MAX_BYTES`].
const MAX_FILES: usize = 2_000;
/// Directories of builds and of other tools.
const SKIPPED: [&str; 4] = ["target", "node_modules", "__pycache__", "venv"];

struct Walk {
    found: Vec<(PathBuf, u64)>,
    bytes: u64,
    capped: bool,
}

pub(crate) fn collect(stage: &mut Sandbox, path: &Path) -> Result<StepResult> {
    let failed = |error| Failure::io(path, error);
    let metadata = path.metadata().map_err(failed)?;
    let (base, mut walk) = if metadata.is_dir() {
        let mut walk = Walk { found: Vec::new(), bytes: 0, capped: false };
        walk.dir(path, Path::new(""))?;
        (path.to_owned(), walk)
    } else {
        let name = path.file_name().map(PathBuf::from).unwrap_or_default();
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        (base, Walk { found: vec![(name, metadata.len())], bytes: metadata.len(), capped: false })
    };
    for (relative, len) in &mut walk.found {
        let to = stage.clear_root().join(&*relative);
        make_parent(&to)?;
        let from = base.join(&*relative);
        *len = fs::copy(&from, &to).map_err(|error| Failure::io(&from, error))?;
    }
    for (name, text) in own_files() {
        let to = stage.clear_root().join(name);
        make_parent(&to)?;
        fs::write(&to, &text).map_err(|error| Failure::io(&to, error))?;
        walk.found.push((PathBuf::from(name), u64::try_from(text.len()).unwrap_or(0)));
    }
    stage.files = walk
        .found
        .into_iter()
        .map(|(path, len)| DemoFile { name: shown(&path), path, len })
        .collect();
    stage.files.sort_by(|a, b| b.len.cmp(&a.len).then_with(|| a.name.cmp(&b.name)));

    let files = u64::try_from(stage.files.len()).unwrap_or(0);
    let result = StepResult::new(
        format!(
            "{} files, {}, copied from {}; two of them are the demo's own",
            format_count(files),
            format_size(stage.total()),
            shown(path)
        ),
        "what follows is told with real files, not with samples",
    );
    Ok(if walk.capped {
        result.line(format!(
            "(the first {} or {} of them; there are more)",
            format_count(2_000),
            format_size(MAX_BYTES)
        ))
    } else {
        result
    })
}

impl Walk {
    /// Collects files in order of names. Skips links, devices, hidden directories, build outputs
    /// and unreadable files.
    fn dir(&mut self, base: &Path, below: &Path) -> Result<()> {
        let dir = base.join(below);
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if below == Path::new("") => return Err(Failure::io(base, error)),
            Err(_) => return Ok(()),
        };
        let mut names: Vec<_> = entries.filter_map(|entry| entry.ok()).collect();
        names.sort_by_key(fs::DirEntry::file_name);
        for entry in names {
            let name = entry.file_name();
            let relative = below.join(&name);
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                let text = name.to_string_lossy();
                if !text.starts_with('.') && !SKIPPED.contains(&&*text) {
                    self.dir(base, &relative)?;
                }
            } else if metadata.is_file() && fs::File::open(entry.path()).is_ok() {
                if self.found.len() >= MAX_FILES || self.bytes + metadata.len() > MAX_BYTES {
                    self.capped = true;
                } else {
                    self.bytes += metadata.len();
                    self.found.push((relative, metadata.len()));
                }
            }
        }
        Ok(())
    }
}

/// Returns a file with a searchable secret and one large enough for a range.
fn own_files() -> [(&'static str, Vec<u8>); 2] {
    let minutes = "CANARY: the board agreed on 17 March to buy the other company.\n";
    let mut ledger = String::from("number,account,amount\n");
    for number in 0..60_000_u64 {
        let account = number * 7_919 % 100_003;
        let _ =
            writeln!(ledger, "{number},{account:06},{}.{:02}", number * 31 % 9_973, number % 100);
    }
    [
        ("keystead-demo/minutes.txt", minutes.into()),
        ("keystead-demo/ledger.csv", ledger.into_bytes()),
    ]
}
