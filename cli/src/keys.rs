//! Loads the keys that options name: `-k`, `-R`, `-p`, `--add`, `--set`, `--remove`. Secrets are
//! read from files, never from the arguments.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek as _};
use std::path::{Path, PathBuf};

use keystead::{Error, ErrorKind, KeyFile, KeyId, Keys, PublicKey, Recipient, Recipients};
use zeroize::{Zeroize as _, Zeroizing};

use crate::args::OpenKeys;
use crate::config;
use crate::conflicts::{self, Role};
use crate::failure::{Failure, Result};
use crate::input::{Input, read_full};
use crate::object;
use crate::opening_keys::{LockedKey, OpeningKeys};
use crate::other_key;
use crate::paper;
use crate::passphrase::{NOT_ASKED, Passphrases};
use crate::pasted::{self, SECRETS};
use crate::platform::{self, FileId};
use crate::report::shown;
use crate::stdio::{self, Stream};

/// The letters that follow the beginning of a secret key, at least.
const KEY_LETTERS: usize = 50;
/// The name of stdin.
const STDIN: &str = "-";
/// SPEC R44, and one byte to see that there is more.
const MAX_READ: usize = 1_048_577;

/// The keys that an encryption is asked to use.
pub(crate) struct KeyArgs<'a> {
    pub(crate) keys: &'a [OsString],
    pub(crate) recipients: &'a [PathBuf],
    pub(crate) passphrase: bool,
}

/// Loaded keys, for encrypting and for opening. A public key opens nothing.
#[derive(Clone)]
pub(crate) struct LoadedKeys {
    pub(crate) recipients: Recipients,
    pub(crate) keys: Keys,
}

/// Loads the keys that open, for verbs that read. A passphrase waits until an object needs it; those
/// of a descriptor belong to the keys in their order, so they are all used at once. An obstacle is
/// reported instead of that.
pub(crate) fn load_to_open(args: &OpenKeys, obstacle: Option<Failure>) -> Result<OpeningKeys> {
    if args.source.passphrase_fd.is_some() {
        let (named, passphrases) = load_to_change(args, obstacle)?;
        passphrases.check_used()?;
        return Ok(OpeningKeys::from(named));
    }
    let passphrases = Passphrases::new(&args.source)?
        .with_memory_limit(args.passphrase_memory)
        .with_runs(args.runs.passphrase_runs);
    let mut locked = Vec::new();
    let file = load_each(&args.keys, |path| {
        let bytes = read_file(path)?;
        let unlocked = parse_unlocked(path, &bytes)?;
        Ok(unlocked.unwrap_or_else(|| {
            locked.push(LockedKey::in_file(path.to_owned(), bytes));
            KeyFile::default()
        }))
    })?;
    if args.passphrase {
        locked.push(LockedKey::of_option());
    }
    let keys = passphrases.limit(Keys::new()).and(file.keys());
    if locked.is_empty() {
        check_can_open(&keys, &file, &passphrases)?;
    }
    passphrases.check_needed(!locked.is_empty())?;
    let at_hand = LoadedKeys { recipients: file.recipients(), keys };
    Ok(OpeningKeys::new(at_hand, locked, passphrases))
}

/// Loads the keys that open, for verbs that make records for some of them, all at once. An obstacle
/// is reported instead of asking for a passphrase.
pub(crate) fn load_to_change(
    args: &OpenKeys,
    obstacle: Option<Failure>,
) -> Result<(LoadedKeys, Passphrases)> {
    let passphrases = Passphrases::new(&args.source)?
        .with_memory_limit(args.passphrase_memory)
        .with_runs(args.runs.passphrase_runs)
        .with_obstacle(obstacle);
    let file = load_files(&args.keys, &passphrases)?;
    let mut keys = passphrases.limit(Keys::new()).and(file.keys());
    let mut recipients = file.recipients();
    if args.passphrase {
        let passphrase = passphrases.ask("the object")?;
        recipients.push(&passphrase);
        keys = keys.and(passphrase);
    }
    check_can_open(&keys, &file, &passphrases)?;
    Ok((LoadedKeys { recipients, keys }, passphrases))
}

/// Fails where there is no key to open with.
fn check_can_open(keys: &Keys, file: &KeyFile, passphrases: &Passphrases) -> Result<()> {
    if !keys.is_empty() {
        return Ok(());
    }
    if let Some(public) = file.public_keys().next() {
        let what = "only public keys are given, and they open nothing";
        return Err(Failure::new(ErrorKind::NoKey, what)
            .hint(format!("give the file of the secret key of {}", public.id())));
    }
    Err(Failure::usage("no key is given to open with").hint(match passphrases.are_given() {
        true => NOT_ASKED,
        false => "-k FILE names a key file, -p asks for a passphrase",
    }))
}

/// Loads the keys of a new object.
pub(crate) fn load_to_encrypt(
    wanted: &KeyArgs<'_>,
    passphrases: &Passphrases,
) -> Result<LoadedKeys> {
    let mut file = load_files(wanted.keys, passphrases)?;
    for path in wanted.recipients {
        file = file.and(load_public_keys(path, "-R")?);
    }
    let (file, mut recipients) = (file.keys(), file.recipients());
    let mut keys = passphrases.limit(Keys::new()).and(file);
    if wanted.passphrase {
        let passphrase = passphrases.ask_new("the object")?;
        recipients.push(Recipient::from(&passphrase));
        keys = keys.and(passphrase);
    }
    if recipients.is_empty() {
        return Err(Failure::usage("no key is given to encrypt with").hint(
            match passphrases.are_given() {
                true => NOT_ASKED,
                false => "-k KEY names a key, -R FILE a list, -p asks for a passphrase; `keystead keygen` makes a key",
            },
        ));
    }
    Ok(LoadedKeys { recipients, keys })
}

/// Loads key files and public keys.
pub(crate) fn load_files(names: &[OsString], passphrases: &Passphrases) -> Result<KeyFile> {
    load_each(names, |path| load_file(path, passphrases))
}

/// Loads key files, each with `load`, and public keys.
fn load_each(
    names: &[OsString],
    mut load: impl FnMut(&Path) -> Result<KeyFile>,
) -> Result<KeyFile> {
    let mut keys = KeyFile::default();
    for name in names {
        let several = |failure: Failure| match is_list(name) {
            true => failure.hint("repeat the option for each key"),
            false => failure,
        };
        match pasted::public_key(name)? {
            Some(key) => keys = keys.and(key),
            None => {
                // `key public k > k.pub` goes another way.
                if let Some((half, id)) = public_half(Path::new(name)) {
                    conflicts::check_source(&half, &id)?;
                }
                keys = keys.and(load(Path::new(name)).map_err(several)?);
            }
        }
    }
    Ok(keys)
}

/// Fails where stdin would be several of passphrases, a key and data, before any of it is read.
pub(crate) fn check_apart<'a>(
    keys: impl IntoIterator<Item = &'a OsStr>,
    fd: Option<u32>,
    inputs: &[Input],
) -> Result<()> {
    let fd = (fd == Some(0)).then_some("the passphrase");
    let keys = keys.into_iter().filter(|key| *key == STDIN).map(|_| "a key");
    let data = inputs.iter().filter(|input| **input == Input::Stdin).map(|_| "the data");
    let mut purposes = fd.into_iter().chain(keys).chain(data);
    match (purposes.next(), purposes.next()) {
        (Some("the passphrase"), Some(other)) => {
            Err(conflicts::stdin_conflict("the passphrase", other)
                .hint("another descriptor holds the passphrase: --passphrase-fd 3 3< FILE"))
        }
        (Some(one), Some(other)) => Err(conflicts::stdin_conflict(one, other)),
        _ => Ok(()),
    }
}

/// Returns whether a name is a comma-separated list of keys, as other programs take.
fn is_list(name: &OsStr) -> bool {
    name.as_encoded_bytes().contains(&b',') && !Path::new(name).exists()
}

/// Reads one key file, plain or encrypted, or a file of public keys.
pub(crate) fn load_file(path: &Path, passphrases: &Passphrases) -> Result<KeyFile> {
    if pasted::is_public(path.as_os_str()) {
        return Err(Failure::usage("a public key is given instead of the name of a key file")
            .hint("name the file; a public key itself cannot be changed or printed"));
    }
    parse_file(path, &read_file(path)?, passphrases)
}

/// Parses the bytes of a key file. Returns nothing for one under a passphrase.
fn parse_unlocked(path: &Path, bytes: &[u8]) -> Result<Option<KeyFile>> {
    let mut locked = false;
    let keys = KeyFile::open(bytes, || {
        locked = true;
        Err(Error::Cancelled)
    });
    match keys {
        Err(_) if locked => Ok(None),
        keys => keys.map(Some).map_err(|error| not_opened(path, bytes, error)),
    }
}

/// Parses the bytes of a key file.
pub(crate) fn parse_file(path: &Path, bytes: &[u8], passphrases: &Passphrases) -> Result<KeyFile> {
    let mut asked = None;
    let keys = KeyFile::open(bytes, || {
        let asked_for = format!("the key file {}", display_name(path));
        passphrases.ask(&asked_for).map(|key| passphrases.limit(key.into())).map_err(|failure| {
            // The library returns its own error, so ours is kept here.
            asked = Some(failure);
            Error::Cancelled
        })
    });
    if let Some(failure) = asked {
        return Err(failure);
    }
    keys.map_err(|error| not_opened(path, bytes, error))
}

fn not_opened(path: &Path, bytes: &[u8], error: Error) -> Failure {
    match error {
        Error::NoKey(_) => {
            Failure::new(error.kind(), format!("{}: wrong passphrase", display_name(path)))
                .hint("nothing was changed; try again")
        }
        Error::KeyFile(_) | Error::Format(_) => not_a_key_file(path, bytes, error),
        error => Failure::at(&display_name(path), error),
    }
}

/// Reads a file of public keys. Fails if it holds a secret key, which someone might share by
/// mistake.
pub(crate) fn load_public_keys(path: &Path, option: &str) -> Result<KeyFile> {
    if pasted::is_public(path.as_os_str()) {
        let what =
            format!("{option} takes a file of public keys, and a public key itself is given");
        let other = if option == "-R" { "-k" } else { "--set" };
        return Err(Failure::usage(what).hint(format!("give it with {other}")));
    }
    let bytes = read_file(path)?;
    let keys = KeyFile::parse(&bytes);
    let keys = keys.map_err(|error| not_a_key_file(path, &bytes, error))?;
    if !keys.keys().is_empty() {
        let what = format!("{}: a file of public keys with a secret key in it", display_name(path));
        let takes = format!("{option} takes public keys, which `keystead key public FILE` prints");
        return Err(Failure::usage(what).hint(takes));
    }
    Ok(keys)
}

/// Reads a key file once; `-` is stdin.
pub(crate) fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    if path == Path::new(STDIN) {
        return read_stdin();
    }
    conflicts::check_once(path)?;
    let failed = |error: io::Error| {
        if error.kind() == io::ErrorKind::InvalidFilename {
            return not_a_name();
        }
        let failure = Failure::io(path, error);
        let failure = match config::named_by(path).or_else(|| other_key::hint_for_name(path)) {
            Some(by) => failure.hint(by),
            None => failure,
        };
        Failure { message: format!("key file {}", failure.message), ..failure }
    };
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        let what = format!("key file {}: a directory, not a file", shown(path));
        return Err(Failure::usage(what).hint("name the key file in it"));
    }
    let id = platform::file_id(path, &metadata).map_err(failed)?;
    conflicts::check_source(&shown(path), &id)?;
    conflicts::register(Role::KeyFile, &shown(path), id);
    if let Some((half, id)) = public_half(path) {
        conflicts::register(Role::PublicHalf, &half, id);
    }
    // Reserved at once, so that no grown buffer leaves a copy of a secret behind: one byte more
    // than the file says, and what may be read at most where that was not enough.
    let len = usize::try_from(metadata.len()).unwrap_or(MAX_READ).saturating_add(1);
    if metadata.is_file() && len < MAX_READ {
        let mut bytes = Zeroizing::new(vec![0; len]);
        let read = read_full(&mut file, &mut bytes).map_err(failed)?;
        if read < len {
            bytes.truncate(read);
            return Ok(bytes);
        }
        file.rewind().map_err(failed)?;
    }
    let mut bytes = Zeroizing::new(vec![0; MAX_READ]);
    let read = read_full(&mut file, &mut bytes).map_err(failed)?;
    bytes.truncate(read);
    Ok(bytes)
}

fn read_stdin() -> Result<Zeroizing<Vec<u8>>> {
    conflicts::take_stdin("a key")?;
    if let Some(target) = stdio::file(Stream::Stdin) {
        conflicts::check_source("stdin", &target.id)?;
        conflicts::register(Role::KeyFile, "in stdin", target.id.clone());
    }
    let mut bytes = Zeroizing::new(vec![0; MAX_READ]);
    let read = read_full(&mut io::stdin().lock(), &mut bytes);
    let read = read.map_err(|error| Failure::at("stdin", Error::from_io(error)))?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Returns the name and the identity of the public half next to a secret key. No output may replace
/// it.
fn public_half(path: &Path) -> Option<(String, FileId)> {
    let half = half_path(path);
    let found = half.metadata().ok().filter(Metadata::is_file)?;
    Some((shown(&half), platform::file_id(&half, &found).ok()?))
}

/// Returns the ids of the keys in the public half next to a secret key.
pub(crate) fn ids_beside(path: &Path) -> Option<Vec<KeyId>> {
    let half = half_path(path);
    half.metadata().ok().filter(|found| found.is_file() && path != Path::new(STDIN))?;
    let mut bytes = Vec::new();
    let most = u64::try_from(MAX_READ).ok()?;
    File::open(half).ok()?.take(most).read_to_end(&mut bytes).ok()?;
    let keys = KeyFile::parse(&bytes).ok()?;
    Some(keys.public_keys().map(PublicKey::id).collect())
}

fn half_path(path: &Path) -> PathBuf {
    let mut half = path.as_os_str().to_owned();
    half.push(".pub");
    PathBuf::from(half)
}

/// Returns whether a file of `len` bytes holds a secret key: as text, on paper, or under a
/// passphrase. An unreadable file holds none.
pub(crate) fn holds_secret(file: &mut impl Read, len: u64) -> bool {
    let Some(len) = usize::try_from(len).ok().filter(|len| *len < MAX_READ) else { return false };
    let Ok(mut start) = object::read_start(file) else { return false };
    if start.starts_with(object::MAGIC) {
        return object::read_header(file, &mut start).is_ok() && is_key_object(&start);
    }
    let mut text = Zeroizing::new(vec![0; len]);
    let have = start.len().min(len);
    text[..have].copy_from_slice(&start[..have]);
    start.zeroize();
    let Ok(read) = read_full(file, &mut text[have..]) else { return false };
    text.truncate(have + read);
    if keystead::is_armored(&text) {
        return keystead::dearmor(&text[..]).is_ok_and(|object| is_key_object(&object));
    }
    has_key_text(&text) || std::str::from_utf8(&text).is_ok_and(paper::is_paper)
}

/// Returns whether an object is a key file under a passphrase (SPEC R44).
pub(crate) fn is_key_object(start: &[u8]) -> bool {
    keystead::inspect(start, None).is_ok_and(|found| {
        found.context.iter().any(|(name, value)| name == "keystead.type" && value == "key-file")
    })
}

/// Returns whether the text of a secret key is anywhere in these bytes, in UTF-8 or in UTF-16.
fn has_key_text(bytes: &[u8]) -> bool {
    // Reserved at once, so that no grown buffer leaves a copy of a secret behind.
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len()));
    text.extend(bytes.iter().filter(|byte| **byte != 0).map(u8::to_ascii_uppercase));
    SECRETS.iter().any(|start| {
        let found =
            text.windows(start.len()).enumerate().filter(|(_, part)| *part == start.as_bytes());
        found.into_iter().any(|(at, _)| {
            let rest = text[at + start.len()..].iter();
            rest.take_while(|byte| byte.is_ascii_alphanumeric()).count() >= KEY_LETTERS
        })
    })
}

/// Returns the name of a key file in messages.
fn display_name(path: &Path) -> String {
    if path == Path::new(STDIN) { "stdin".to_owned() } else { shown(path) }
}

/// Returns the failure for a name that is too long for a file. It may be part of a key, so it is not
/// repeated.
fn not_a_name() -> Failure {
    Failure::usage("the name of a key file is longer than names of files are")
        .hint("name the file that holds the key, and not what is in it")
}

fn not_a_key_file(path: &Path, bytes: &[u8], error: Error) -> Failure {
    let failure = Failure::at(&display_name(path), error);
    match other_key::hint_for(bytes) {
        // What the library says of a line is better than a guess about the file.
        hint if hint == other_key::UNKNOWN => failure.or_hint(hint),
        hint => failure.hint(hint),
    }
}
