//! Reads settings from the environment and the configuration file. Nothing is read from the working
//! directory, and nothing here is ever executed.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use etcetera::app_strategy::{AppStrategy as _, AppStrategyArgs, choose_app_strategy};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::args::{Cli, Key, OpenKeys, Verb};
use crate::failure::{Failure, Result};
use crate::pasted;
use crate::report::shown;

const KEY_VARIABLE: &str = "KEYSTEAD_KEY";
const CONFIG_VARIABLE: &str = "KEYSTEAD_CONFIG";
const STATE_VARIABLE: &str = "KEYSTEAD_STATE";
/// The file in the configuration directory and the settings that it may have.
const FILE: &str = "config.toml";
const NAMES: &str = "a configuration has `key`, `threads` and `passphrase-memory`";

/// Where a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag(&'static str),
    Variable(&'static str),
    File,
    Default,
}

/// Whether the configuration file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Read,
    Nothing,
    /// It belongs to another user, whose home this still is: `sudo -u` does that.
    NotReadable,
}

/// The settings in force without flags.
#[derive(Debug)]
pub(crate) struct Config {
    /// The configuration file, whether it is there or not; absent where no home is known.
    pub(crate) file: Option<PathBuf>,
    pub(crate) found: Found,
    /// Where later versions will keep what they have to remember. This one keeps nothing.
    pub(crate) state: Option<PathBuf>,
    /// The default key files.
    pub(crate) keys: Vec<OsString>,
    pub(crate) keys_from: Origin,
    pub(crate) threads: Option<NonZeroUsize>,
    pub(crate) passphrase_memory: Option<u32>,
}

/// The default keys of this run, and where they come from.
static DEFAULT_KEYS: OnceLock<(Vec<OsString>, Origin)> = OnceLock::new();

/// Fills in configured values for omitted flags.
pub(crate) fn apply(cli: &mut Cli) -> Result<()> {
    let (keys, memory): (_, Option<&mut Option<u32>>) = match &mut cli.verb {
        Verb::Encrypt(args) => {
            let named = args.passphrase || !args.recipients.is_empty();
            ((!named).then_some(&mut args.keys), Some(&mut args.passphrase_memory))
        }
        Verb::Decrypt(args) => opening(&mut args.keys),
        Verb::Cat(args) => opening(&mut args.keys),
        Verb::Verify(args) => opening(&mut args.keys),
        Verb::Rewrap(args) => opening(&mut args.keys),
        Verb::Reencrypt(args) => opening(&mut args.keys),
        Verb::Inspect(_) => (None, None),
        Verb::Key(Key::Check(args)) => (None, Some(&mut args.passphrase_memory)),
        Verb::Key(Key::Public(args) | Key::Passphrase(args) | Key::Export(args)) => {
            (None, Some(&mut args.passphrase_memory))
        }
        Verb::Key(Key::Import(_))
        | Verb::Keygen(_)
        | Verb::Config(_)
        | Verb::Demo(_)
        | Verb::Completions(_)
        | Verb::Man(_) => return Ok(()),
    };
    let config = Config::load()?;
    cli.threads = cli.threads.or(config.threads);
    if let Some(memory) = memory {
        *memory = memory.or(config.passphrase_memory);
    }
    if let Some(keys) = keys.filter(|keys| keys.is_empty()) {
        keys.clone_from(&config.keys);
        let _ = DEFAULT_KEYS.set((config.keys, config.keys_from));
    }
    Ok(())
}

/// Returns the places for a default key and memory limit. A verb that opens needs a key unless it
/// gets a passphrase.
fn opening(args: &mut OpenKeys) -> (Option<&mut Vec<OsString>>, Option<&mut Option<u32>>) {
    let needs_key = !args.passphrase;
    (needs_key.then_some(&mut args.keys), Some(&mut args.passphrase_memory))
}

/// Returns a hint on where a default key file comes from.
pub(crate) fn named_by(path: &Path) -> Option<&'static str> {
    let (keys, from) = DEFAULT_KEYS.get()?;
    keys.iter().any(|key| key == path.as_os_str()).then_some(match from {
        Origin::Variable(_) => "KEYSTEAD_KEY names it; -k names another",
        _ => "it is the default key of your configuration, which `keystead config show` shows; -k names another",
    })
}

impl Config {
    /// Reads the environment and the file.
    pub(crate) fn load() -> Result<Self> {
        let own = AppStrategyArgs { app_name: "keystead".to_owned(), ..AppStrategyArgs::default() };
        let places = choose_app_strategy(own).ok();
        let named = directory(CONFIG_VARIABLE)?;
        let is_named = named.is_some();
        let config = named.or_else(|| places.as_ref().map(|places| places.config_dir()));
        let state = match directory(STATE_VARIABLE)? {
            Some(directory) => Some(directory),
            None => places.map(|places| {
                places.state_dir().unwrap_or_else(|| places.data_dir().join("state"))
            }),
        };
        let mut settings = Self {
            file: config.as_ref().map(|directory| directory.join(FILE)),
            found: Found::Nothing,
            state,
            keys: Vec::new(),
            keys_from: Origin::Default,
            threads: None,
            passphrase_memory: None,
        };
        if let Some(directory) = config {
            settings.read(&directory, is_named)?;
        }
        if let Some(key) = std::env::var_os(KEY_VARIABLE).filter(|key| !key.is_empty()) {
            if key == "-" {
                return Err(Failure::usage(format!("{KEY_VARIABLE}: stdin is no default key"))
                    .hint("-k - reads a key from stdin"));
            }
            if pasted::has_secret(&key) {
                let what = format!("{KEY_VARIABLE}: it holds a secret key itself");
                return Err(Failure::usage(what).hint("put the key in a file, and name that"));
            }
            (settings.keys, settings.keys_from) = (vec![key], Origin::Variable(KEY_VARIABLE));
        }
        Ok(settings)
    }

    fn read(&mut self, directory: &Path, is_named: bool) -> Result<()> {
        let file = directory.join(FILE);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !is_named => {
                self.found = Found::NotReadable;
                return Ok(());
            }
            Err(error) => return Err(Failure::io(&file, error)),
        };
        self.found = Found::Read;
        self.parse(&text, directory).map_err(|ConfigError { at, what }| {
            let line = text.get(..at).unwrap_or(&text).matches('\n').count() + 1;
            Failure::usage(format!("{}, line {line}: {what}", shown(&file))).hint(NAMES)
        })
    }

    fn parse(&mut self, text: &str, directory: &Path) -> std::result::Result<(), ConfigError> {
        let table = DeTable::parse(text).map_err(|error| ConfigError {
            at: error.span().map_or(0, |span| span.start),
            what: error.message().to_owned(),
        })?;
        for (name, value) in table.get_ref() {
            let wrong = |what: &str| {
                Err(ConfigError {
                    at: value.span().start,
                    what: format!("`{}` {what}", name.get_ref()),
                })
            };
            match &**name.get_ref() {
                "key" => {
                    let Some(keys) = texts(value) else {
                        return wrong("takes the name of a key file, or a list of them");
                    };
                    // A relative name is resolved against the configuration directory, not the
                    // working directory.
                    let keys: Vec<_> = keys.collect();
                    if keys.iter().any(|key| pasted::has_secret(key)) {
                        return wrong("takes the name of a key file, not the key itself");
                    }
                    let keys = keys.into_iter();
                    self.keys = keys.map(|key| directory.join(key).into_os_string()).collect();
                    self.keys_from = Origin::File;
                }
                "threads" => {
                    let Some(number) = number(value).and_then(NonZeroUsize::new) else {
                        return wrong("takes a number from 1");
                    };
                    self.threads = Some(number);
                }
                "passphrase-memory" => {
                    let number = number(value).and_then(|number| u32::try_from(number).ok());
                    let Some(number) = number else { return wrong("takes a number of MiB") };
                    self.passphrase_memory = Some(number);
                }
                other => {
                    let what = format!("unknown name `{other}`");
                    return Err(ConfigError { at: name.span().start, what });
                }
            }
        }
        Ok(())
    }
}

/// An error in the file, and its byte offset.
struct ConfigError {
    at: usize,
    what: String,
}

/// Returns the directory that a variable names. Fails on a relative path, which would depend on the
/// working directory.
fn directory(variable: &str) -> Result<Option<PathBuf>> {
    let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let path = PathBuf::from(path);
    if path.is_absolute() {
        return Ok(Some(path));
    }
    Err(Failure::usage(format!("{variable}={}: not an absolute path", shown(&path)))
        .hint("name the directory from the root"))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Parses one text or a list of texts, none of them empty.
fn texts<'a>(value: &'a Spanned<DeValue<'_>>) -> Option<impl Iterator<Item = &'a OsStr>> {
    let texts: Option<Vec<&str>> = match value.get_ref() {
        DeValue::String(text) => Some(vec![&**text]),
        DeValue::Array(values) => values.iter().map(|value| value.get_ref().as_str()).collect(),
        _ => None,
    };
    let texts = texts.filter(|texts| texts.iter().all(|text| !text.is_empty()))?;
    Some(texts.into_iter().map(OsStr::new))
}

fn number(value: &Spanned<DeValue<'_>>) -> Option<usize> {
    let number = value.get_ref().as_integer()?;
    usize::from_str_radix(number.as_str(), number.radix()).ok()
}
