//! The events of the feature `tracing`: what a log shows, and what it must never show.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use keystead::{
    Changes, Context, EncryptOptions, ErrorKind, Keys, MasterKey, Metadata, PassphraseCosts,
    Recipient, Recipients,
};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};

/// Keeps every event as one line of text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _metadata: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut log = self.0.lock().unwrap();
        log.push_str(event.metadata().target());
        event.record(&mut Line(&mut log));
        log.push('\n');
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

fn logged(work: impl FnOnce()) -> String {
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), work);
    log.0.lock().unwrap().clone()
}

#[test]
fn a_log_shows_what_was_opened_and_by_which_key() {
    let key = MasterKey::generate_pair().unwrap();
    let other = MasterKey::generate().unwrap();
    let recipients = Recipients::from(&key);
    let keys = Keys::from(&key);
    let context = Context::new();
    let log = logged(|| {
        let mut object = keystead::encrypt(&recipients, b"text", &context).unwrap();
        keystead::encrypt(&recipients, b"text", &context).unwrap();
        keystead::decrypt(&keys, &object, &context).unwrap();
        keystead::decrypt(&keys, &object, &context).unwrap();
        keystead::decrypt(&Keys::from(&other), &object, &context).unwrap_err();
        let changes = Recipients::from(&other);
        keystead::rewrap(&object, &keys, &context, &Changes::add(&changes).vouch()).unwrap();
        *object.last_mut().unwrap() ^= 1;
        keystead::decrypt(&keys, &object, &context).unwrap_err();
    });
    let count = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(count("header made"), 2);
    assert_eq!(count("run begun"), 1, "one run serves both objects");
    assert_eq!((count("cached=false"), count("cached=true")), (1, 4));
    assert_eq!(count("header opened"), 4);
    assert_eq!(count("header rewrapped"), 1);
    assert_eq!(count("header not opened"), 1);
    assert_eq!(count("error=NOKEY"), 1);
    assert!(count(&key.id().to_string()) >= 6);
    assert!(log.lines().all(|line| line.starts_with("keystead message=")), "{log}");
}

/// R29: what one run makes under a passphrase has one salt, so that it costs one Argon2id each way,
/// and a provider who gives each object a salt of its own costs 16 that open nothing.
#[test]
fn a_run_under_a_passphrase_derives_one_key() {
    const RUN: &str = "key derived from a passphrase";
    let context = Context::new();
    let recipients = |text: &str| {
        let key = MasterKey::passphrase(text).unwrap();
        Recipients::from(Recipient::from(&key).with_passphrase_costs(PassphraseCosts::FLOOR))
    };
    let keys = |text: &str| Keys::from(MasterKey::passphrase(text).unwrap());
    let encrypt = |recipients: &Recipients, options: &EncryptOptions| {
        keystead::encrypt_with(recipients, b"text", &context, options).unwrap()
    };
    let count = |log: &str| log.lines().filter(|line| line.contains(RUN)).count();

    let (mut objects, options) = (Vec::new(), EncryptOptions::new());
    let made = logged(|| {
        for _ in 0..40 {
            let run = recipients("p");
            objects.extend((0..25).map(|_| encrypt(&run, &options)));
        }
    });
    assert_eq!((count(&made), objects.len()), (40, 1_000), "one for each run");
    let mine = keys("p");
    let opened = logged(|| {
        for object in &objects {
            keystead::decrypt(&mine.clone(), object, &context).unwrap();
        }
    });
    assert_eq!(count(&opened), 40);

    let unlinkable = EncryptOptions::new().unlinkable();
    let run = recipients("p");
    let strange: Vec<_> = (0..20).map(|_| encrypt(&run, &unlinkable)).collect();
    let tried = |keys: &Keys, objects: &[Vec<u8>]| {
        let mut kinds = Vec::new();
        let log = logged(|| {
            let opened = objects.iter().map(|object| keystead::decrypt(keys, object, &context));
            kinds.extend(opened.map(|opened| opened.err().map(|error| error.kind())));
        });
        (count(&log), kinds)
    };
    let other = keys("q");
    let (runs, kinds) = tried(&other, &strange);
    assert_eq!(runs, 16);
    assert_eq!(kinds[..16], [Some(ErrorKind::NoKey); 16]);
    assert_eq!(kinds[16..], [Some(ErrorKind::Limit); 4]);
    // What failed is remembered, and what opens is still opened.
    let (runs, kinds) = tried(&other, &strange[..16]);
    assert_eq!((runs, kinds[0]), (0, Some(ErrorKind::NoKey)));
    let (runs, kinds) = tried(&mine, &strange);
    assert_eq!((runs, kinds), (20, vec![None; 20]));
    // A salt that one of two passphrases opens is none in vain.
    let both = keys("q").and(keys("p"));
    let (runs, kinds) = tried(&both, &strange);
    assert_eq!((runs, kinds), (40, vec![None; 20]));
    let (runs, kinds) = tried(&keys("q").with_passphrase_runs(18), &strange);
    assert_eq!((runs, kinds[17], kinds[18]), (18, Some(ErrorKind::NoKey), Some(ErrorKind::Limit)));
}

#[test]
fn a_log_holds_no_secret_and_nothing_of_a_context() {
    const SECRETS: [&str; 5] =
        ["patient-4711", "ward-nine", "radiology.pdf", "correct horse", "the plaintext itself"];
    let symmetric = MasterKey::generate().unwrap();
    let pair = MasterKey::generate_pair().unwrap();
    let passphrase = MasterKey::passphrase(SECRETS[3]).unwrap();
    let recipients = Recipients::from(&symmetric)
        .and(Recipient::from(&pair).with_label("laptop"))
        .and(Recipient::from(&passphrase).with_passphrase_costs(PassphraseCosts::FLOOR));
    let context = Context::from([("patient", SECRETS[0]), ("place", SECRETS[1])]);
    let wrong = Context::from([("patient", "another")]);
    let options = EncryptOptions::new().metadata(Metadata::new().with(Metadata::NAME, SECRETS[2]));
    let log = logged(|| {
        let object =
            keystead::encrypt_with(&recipients, SECRETS[4].as_bytes(), &context, &options).unwrap();
        for key in [&symmetric, &pair, &passphrase] {
            let keys = Keys::from(key);
            keystead::decrypt(&keys, &object, &context).unwrap();
            let error = keystead::decrypt(&keys, &object, &wrong).unwrap_err();
            let told = format!("{error} {error:?} {:?}", error.hint());
            assert!(!SECRETS.iter().any(|secret| told.contains(secret)), "{told}");
        }
        for at in 0..object.len() {
            let mut changed = object.clone();
            changed[at] ^= 1;
            let _ = keystead::decrypt(&Keys::from(&symmetric), &changed, &context);
        }
        let new = Recipients::from(&MasterKey::generate().unwrap());
        keystead::rewrap(&object, &Keys::from(&symmetric), &context, &Changes::add(&new)).unwrap();
    });
    assert!(log.lines().count() > 100, "{log}");
    let texts = [&symmetric, &pair].map(|key| key.expose_secret_text().unwrap());
    let upper = log.to_ascii_uppercase();
    for secret in SECRETS.iter().copied().chain(texts.iter().map(|text| text.as_str())) {
        assert!(!log.contains(secret) && !upper.contains(secret), "{secret}");
        // Bytes of it, as hex.
        let hex: String = secret.bytes().take(8).map(|byte| format!("{byte:02x}")).collect();
        assert!(!log.contains(&hex), "{secret}");
    }
}
