//! Decides whether an existing output is what a run over a directory would write: by its time or,
//! with `--check content`, by its content. Outputs appear complete, so an existing one is whole.

use std::fs::File;
use std::time::SystemTime;

use keystead::{
    Context, Error, ErrorKind, Expected, Inspection, Recipient, Recipients, RecordKind, Threads,
};
use serde_json::json;

use super::batch::Outcome;
use super::existing::opens_with;
use crate::args::{Check, OutputArgs};
use crate::failure::{Failure, Result};
use crate::input::{FileState, Input, Reader, read_full};
use crate::keys::LoadedKeys;
use crate::object::{Object, Plaintext, explain_parse_failure};
use crate::opening_keys::OpeningKeys;
use crate::progress;
use crate::report::shown;
use crate::small_file::Buffers;
use crate::times::{self, Age};
use crate::tree::{OutputPath, Status};

/// What to do with existing outputs.
pub(super) struct CompareRules {
    check: Check,
    update: bool,
    force: bool,
}

impl CompareRules {
    pub(super) const fn of(writing: &OutputArgs) -> Self {
        Self { check: writing.check, update: writing.update, force: writing.force }
    }

    /// Returns whether to compare outputs. With `--force` alone they are replaced unseen.
    pub(super) fn compare(&self) -> bool {
        !self.force || self.check == Check::Content
    }

    /// Returns the outcome for an output that stays, or nothing for one to replace.
    pub(super) fn apply(&self, output: &str, verdict: Verdict) -> Result<Option<Outcome>> {
        match verdict.agrees {
            Ok(basis) => Ok(Some(basis.outcome(output))),
            Err(_) if self.force || verdict.older && self.update => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

/// What a comparison found.
pub(super) struct Verdict {
    /// The input is newer than the output.
    older: bool,
    /// The basis of the agreement, or why the output is not what the run would write.
    agrees: std::result::Result<Basis, Failure>,
}

/// What was compared.
#[derive(Clone, Copy)]
enum Basis {
    Time,
    /// Every byte of the plaintext.
    Content,
    /// Length, context and key ids of an object that no key at hand opens.
    Header,
}

impl Basis {
    fn outcome(self, output: &str) -> Outcome {
        let value = match self {
            Self::Time => json!({ "output": output, "compared": "time" }),
            Self::Content => json!({ "output": output, "compared": "content", "proven": true }),
            Self::Header => json!({ "output": output, "compared": "header", "proven": false }),
        };
        Outcome { existing: true, ..Outcome::from(value) }
    }
}

/// How the content of an existing output compares with that of its input.
enum ContentMatch {
    Same(Basis),
    Differs(Vec<String>),
    /// A damaged object, with the failure.
    Damaged(Failure),
}

/// The plaintext that an object would be made of.
pub(super) struct Source<'a> {
    /// The path in messages.
    pub(super) name: &'a str,
    pub(super) reader: &'a mut Reader,
    pub(super) len: Option<u64>,
    pub(super) modified: Option<SystemTime>,
    pub(super) state: FileState,
    /// The keys that would open the object, and its context.
    pub(super) recipients: &'a Recipients,
    pub(super) context: &'a Context,
}

/// A reader and its name in messages.
struct NamedReader<'a> {
    reader: &'a mut Reader,
    name: &'a str,
}

/// An existing output and what comparing it needs.
pub(super) struct Comparison<'a> {
    pub(super) output_path: &'a OutputPath,
    pub(super) status: &'a Status,
    pub(super) keys: &'a OpeningKeys,
    pub(super) threads: Threads,
    pub(super) buffers: &'a mut Buffers,
}

impl Comparison<'_> {
    /// Compares an existing object with the plaintext that this run would encrypt.
    pub(super) fn compare_object(
        &mut self,
        rules: &CompareRules,
        mut source: Source<'_>,
    ) -> Result<Verdict> {
        let times = (self.status.modified, source.modified);
        let age = times::compare_object(times.0, times.1);
        if rules.check == Check::Content {
            let (found, file) = self.compare_object_content(&mut source)?;
            source.state.check(source.name, source.reader)?;
            let verdict = self.verdict_by_content(age, times, found);
            // Without proof the time stays: a later run must not take it for proof.
            if let (Ok(Basis::Content), Some(file)) = (&verdict.agrees, file) {
                self.set_time(&file, age, source.modified);
            }
            return Ok(verdict);
        }
        if age == Age::Older {
            return Ok(self.older_verdict(times));
        }
        let object = Object::open(&Input::Entry(self.output_path.entry()));
        let object = object.and_then(|object| {
            let found = keystead::inspect(&object.prefix, object.len);
            found.map_err(|error| explain_parse_failure(&object.name, error, &object.prefix))
        });
        let differences = match object {
            Err(failure) if failure.class == ErrorKind::Io => return Err(failure),
            Err(_) => vec![NO_OBJECT.to_owned()],
            Ok(found) => {
                find_differences(&found, source.len, source.recipients, None, source.context)
            }
        };
        Ok(self.verdict_by_time(age, times, differences))
    }

    /// Compares an existing plaintext with the object that this run would decrypt. An object that
    /// the run would refuse is an error.
    pub(super) fn compare_plaintext(
        &mut self,
        rules: &CompareRules,
        input: &Input,
        expected: Expected<'_>,
    ) -> Result<Verdict> {
        let object = Object::open(input)?;
        let times = (self.status.modified, object.modified);
        let age = times::compare_plaintext(times.0, times.1);
        if rules.check == Check::Content {
            let found = self.compare_plaintext_content(object, age, expected)?;
            return Ok(self.verdict_by_content(age, times, found));
        }
        if age == Age::Older {
            return Ok(self.older_verdict(times));
        }
        let len = match age {
            Age::Same => object.plaintext(self.keys, expected)?.info().plaintext_len,
            // It is an error in any case, so the unauthenticated header is enough.
            _ => keystead::inspect(&object.prefix, object.len).ok().and_then(|o| o.plaintext_len),
        };
        Ok(self.verdict_by_time(age, times, self.length_difference(len).into_iter().collect()))
    }

    /// Compares an object with the input and returns its open file. Where a given key opens it, the
    /// plaintext is compared byte by byte.
    fn compare_object_content(
        &mut self,
        source: &mut Source<'_>,
    ) -> Result<(ContentMatch, Option<File>)> {
        let input = Input::Entry(self.output_path.entry());
        let opened = Object::open_input(&input)?;
        let file = match &opened.reader {
            Reader::Regular(file) => file.try_clone().ok(),
            _ => None,
        };
        let object = match Object::of(&input, opened) {
            Ok(object) if object.is_foreign() => {
                return Ok((ContentMatch::Differs(vec![NO_OBJECT.to_owned()]), file));
            }
            object => object,
        };
        let found = object.and_then(|object| self.compare_opened(object, source));
        match found {
            Ok(found) => Ok((found, file)),
            Err(failure) => match failure.class {
                ErrorKind::Auth | ErrorKind::Format => {
                    let failure = failure.hint("--force replaces it; -o names another place");
                    Ok((ContentMatch::Damaged(failure), file))
                }
                _ => Err(failure),
            },
        }
    }

    fn compare_opened(&mut self, object: Object, source: &mut Source<'_>) -> Result<ContentMatch> {
        let (name, prefix, len) = (object.name.clone(), object.prefix.clone(), object.len);
        let opened = match object.plaintext(self.keys, Context::unchecked().threads(self.threads)) {
            Ok(plaintext) => Some(plaintext),
            Err(failure) if failure.class == ErrorKind::NoKey => None,
            Err(failure) => return Err(failure),
        };
        let found = keystead::inspect(&prefix, len);
        let found = found.map_err(|error| explain_parse_failure(&name, error, &prefix))?;
        // Some system and cloud files claim to be empty; only reading them shows their length.
        let len = source.len.filter(|len| *len > 0 || opened.is_none());
        let differences = find_differences(
            &found,
            len,
            source.recipients,
            opened.is_none().then(|| self.keys.at_hand()).as_deref(),
            source.context,
        );
        if !differences.is_empty() {
            return Ok(ContentMatch::Differs(differences));
        }
        let Some(plaintext) = opened else { return Ok(ContentMatch::Same(Basis::Header)) };
        let same = self.is_same(
            plaintext,
            &name,
            NamedReader { reader: source.reader, name: source.name },
        );
        if let Reader::Regular(file) = &mut source.reader {
            std::io::Seek::rewind(file).map_err(|e| Failure::at(source.name, Error::from_io(e)))?;
        }
        Ok(match same? {
            true => ContentMatch::Same(Basis::Content),
            false => ContentMatch::Differs(vec![CONTENT.to_owned()]),
        })
    }

    fn compare_plaintext_content(
        &mut self,
        object: Object,
        age: Age,
        expected: Expected<'_>,
    ) -> Result<ContentMatch> {
        let (name, modified) = (object.name.clone(), object.modified);
        let plaintext = object.plaintext(self.keys, expected)?;
        if let Some(difference) = self.length_difference(plaintext.info().plaintext_len) {
            return Ok(ContentMatch::Differs(vec![difference]));
        }
        let mut existing = Input::Entry(self.output_path.entry()).open()?.reader;
        let output = shown(&self.output_path.path);
        let other = NamedReader { reader: &mut existing, name: &output };
        if !self.is_same(plaintext, &name, other)? {
            return Ok(ContentMatch::Differs(vec![CONTENT.to_owned()]));
        }
        if let Reader::Regular(file) = &existing {
            self.set_time(file, age, modified);
        }
        Ok(ContentMatch::Same(Basis::Content))
    }

    /// Returns whether the plaintext of the object called `object` equals the bytes of the reader.
    fn is_same(
        &mut self,
        mut plaintext: Plaintext,
        object: &str,
        other: NamedReader<'_>,
    ) -> Result<bool> {
        let NamedReader { reader, name } = other;
        let buffers = &mut *self.buffers;
        let mut same = Ok(true);
        let compared = plaintext.copy_to(|text| {
            progress::add_bytes(text.len());
            same = buffers.is_next(reader, text);
            if matches!(same, Ok(true)) { Ok(()) } else { Err(Error::Cancelled) }
        });
        let failed = |error| Failure::at(name, Error::from_io(error));
        if !same.map_err(failed)? {
            return Ok(false);
        }
        compared.map_err(|error| Failure::at(object, error))?;
        read_full(reader, &mut [0]).map(|more| more == 0).map_err(failed)
    }

    /// Sets the time, so that the next run can compare by time. A file that changed meanwhile keeps
    /// its own.
    fn set_time(&self, file: &File, age: Age, time: Option<SystemTime>) {
        let now = file.metadata().ok().and_then(|found| crate::platform::modified(&found));
        if age != Age::Same && now == self.status.modified {
            times::set_modified(file, &self.output_path.path, time);
        }
    }

    /// Describes the difference between the length of the existing plaintext and that of its
    /// object.
    fn length_difference(&self, len: Option<u64>) -> Option<String> {
        let (len, found) = len.zip(self.status.len)?;
        (len != found).then(|| format!("it has {found} bytes, the object's plaintext {len}"))
    }

    fn verdict_by_time(&self, age: Age, times: Times, mut differences: Vec<String>) -> Verdict {
        let by_time = differences.is_empty();
        if age != Age::Same {
            let (output, input) = (times::format_time(times.0), times::format_time(times.1));
            differences.push(format!("its time is {output}, the input's {input}"));
        }
        if differences.is_empty() {
            return Verdict { older: false, agrees: Ok(Basis::Time) };
        }
        let failure = self.differs_failure(&differences);
        let failure = if by_time { failure.hint(BY_TIME) } else { failure };
        Verdict { older: false, agrees: Err(failure) }
    }

    fn verdict_by_content(&self, age: Age, times: Times, found: ContentMatch) -> Verdict {
        let older = age == Age::Older;
        let agrees = match found {
            // The input is newer, and no key has proved that the content is the same.
            ContentMatch::Same(Basis::Header) if older => {
                let mut verdict = self.older_verdict(times);
                verdict.agrees = verdict.agrees.map_err(|failure| failure.hint(UNPROVEN_OLDER));
                return verdict;
            }
            ContentMatch::Same(basis) => Ok(basis),
            ContentMatch::Damaged(failure) => Err(failure),
            ContentMatch::Differs(differences) if older => Err(Failure::usage(format!(
                "{}: the output is older than its input: {}",
                shown(&self.output_path.path),
                differences.join("; ")
            ))
            .hint("--update replaces such outputs, --force all")),
            ContentMatch::Differs(differences) => Err(self.differs_failure(&differences)),
        };
        Verdict { older, agrees }
    }

    /// Returns the verdict for an output that is older than its input, which is replaced only on
    /// request.
    fn older_verdict(&self, times: Times) -> Verdict {
        let (output, input) = (times::format_time(times.0), times::format_time(times.1));
        let path = shown(&self.output_path.path);
        let what = format!("{path}: the output is older than its input: {output}, not {input}");
        let hint = "--update replaces such outputs, --force all; --check content compares contents";
        Verdict { older: true, agrees: Err(Failure::usage(what).hint(hint)) }
    }

    fn differs_failure(&self, differences: &[String]) -> Failure {
        Failure::usage(format!(
            "{}: the output exists and is not what this run would make: {}",
            shown(&self.output_path.path),
            differences.join("; ")
        ))
        .hint("--force replaces it; -o names another place")
    }
}

/// Times of the output and of the input.
type Times = (Option<SystemTime>, Option<SystemTime>);

const NO_OBJECT: &str = "it is not a keystead object";
const CONTENT: &str = "its content differs";
const BY_TIME: &str = "--check content compares contents instead of times, as after a copy that lost them; --force replaces it; -o names another place";
const UNPROVEN_OLDER: &str =
    "--update replaces such outputs; with a key that opens them, --check content compares contents";

/// Lists how an object differs from the one that this run would write: context, keys, length.
/// `refuted` are keys that do not open it, whatever ids the header states.
fn find_differences(
    found: &Inspection,
    len: Option<u64>,
    recipients: &Recipients,
    refuted: Option<&LoadedKeys>,
    context: &Context,
) -> Vec<String> {
    let mut differences = Vec::new();
    let has = || found.context.iter().map(|(name, value)| (&**name, &**value));
    if !context.iter().eq(has()) {
        let (has, wanted) = (format_pairs(has()), format_pairs(context.iter()));
        differences.push(format!("its context is {has}, not {wanted}"));
    }
    let is_refuted = |key: &Recipient| {
        refuted.is_some_and(|refuted| {
            refuted.keys.iter().any(|have| have.kind() == key.kind() && have.id() == key.id())
        })
    };
    for key in recipients.iter().filter(|key| !opens_with(found, key) || is_refuted(key)) {
        differences.push(match key.kind() {
            RecordKind::Passphrase => "the passphrase does not open it".to_owned(),
            kind if key.is_anonymous() => format!("no anonymous {} key opens it", kind.name()),
            kind => format!("{} key {} does not open it", kind.name(), key.id()),
        });
    }
    match (len, found.plaintext_len) {
        (Some(_), None) => {
            differences.push("its length is impossible: it was cut or extended".to_owned())
        }
        (Some(len), Some(has)) if len != has => {
            differences.push(format!("its plaintext has {has} bytes, the input {len}"));
        }
        _ => {}
    }
    differences
}

fn format_pairs<'a>(context: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let pairs: Vec<_> = context.map(|(name, value)| format!("{name}={value}")).collect();
    if pairs.is_empty() { "empty".to_owned() } else { pairs.join(", ") }
}
