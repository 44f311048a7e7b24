//! Recipients, keys and key files: whom an object is for, and what opens it.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use keystead::{
    Context, ErrorKind, Inspection, KeyFile, Keys, MasterKey, PassphraseCosts, PublicKey,
    Recipient, Recipients,
};

fn class<T: std::fmt::Debug>(result: keystead::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

fn encrypt(recipients: &Recipients) -> Vec<u8> {
    keystead::encrypt(recipients, b"x", &Context::new()).unwrap()
}

fn inspect(recipients: &Recipients) -> Inspection {
    keystead::inspect(&encrypt(recipients), None).unwrap()
}

/// R22: a label and anonymity belong to one recipient, and the key knows neither.
#[test]
fn labels_and_anonymity_are_the_recipients() {
    let key = MasterKey::generate().unwrap();
    let labelled = Recipients::from(Recipient::from(&key).with_label("laptop"));
    assert_eq!(inspect(&labelled).records[0].label.as_deref(), Some("laptop"));
    let anonymous = Recipients::from(Recipient::from(&key).anonymous());
    assert_eq!(inspect(&anonymous).records[0].key_id, None);

    let plain = inspect(&Recipients::from(&key));
    assert_eq!(
        (plain.records[0].label.as_deref(), plain.records[0].key_id),
        (None, Some(key.id()))
    );
    let keys = Keys::from(key);
    for recipients in [&labelled, &anonymous] {
        let opened = keystead::decrypt(&keys, &encrypt(recipients), &Context::new());
        assert_eq!(opened.unwrap(), b"x");
    }
}

/// One key is one record, and whoever asked for an anonymous one gets it.
#[test]
fn a_key_named_and_then_anonymous_is_one_anonymous_record() {
    for key in [MasterKey::generate().unwrap(), MasterKey::generate_pair().unwrap()] {
        let named = || Recipient::from(&key);
        let anonymous = || Recipient::from(&key).anonymous();
        for recipients in [
            Recipients::from(named()).and(anonymous()),
            Recipients::from(anonymous()).and(named()),
            [named(), anonymous(), named()].into_iter().collect(),
        ] {
            let seen = inspect(&recipients);
            assert_eq!((recipients.len(), seen.records.len()), (1, 1));
            assert_eq!(seen.records[0].key_id, None);
        }

        // Also where an object was made for the named one before.
        let recipients = Recipients::from(named());
        assert_eq!(inspect(&recipients).records[0].key_id, Some(key.id()));
        let recipients = recipients.and(anonymous());
        assert_eq!(inspect(&recipients).records[0].key_id, None);

        let keys = Keys::from(&key);
        let recipients = keys.recipients().and(anonymous());
        assert_eq!(inspect(&recipients).records[0].key_id, None);
        let opened = keystead::decrypt(&keys, &encrypt(&recipients), &Context::new());
        assert_eq!(opened.unwrap(), b"x");
    }
}

/// A pair and its public key are the same recipient.
#[test]
fn a_pair_and_its_public_key_are_one_recipient() {
    let pair = MasterKey::generate_pair().unwrap();
    let public = PublicKey::from_text(&pair.public().unwrap().to_text()).unwrap();
    let recipients = Recipients::from(&pair).and(&public).and(public);
    assert_eq!((recipients.len(), inspect(&recipients).records.len()), (1, 1));
}

/// R20: at most one passphrase, whether the recipients were named or are those of keys.
#[test]
fn two_passphrases_are_a_mistake() {
    let [a, b] = ["a", "b"].map(|text| MasterKey::passphrase(text).unwrap());
    let cheap =
        |key: &MasterKey| Recipient::from(key).with_passphrase_costs(PassphraseCosts::FLOOR);
    let two = Recipients::from(cheap(&a)).and(cheap(&b));
    let same_twice = Recipients::from(cheap(&a)).and(cheap(&a));
    let of_keys = Keys::from(a).and(b).recipients();
    for recipients in [two, same_twice, of_keys] {
        let refused = keystead::encrypt(&recipients, b"x", &Context::new());
        assert_eq!(class(refused), ErrorKind::Usage);
    }
}

/// R40, R42: 32 bytes are the key that their text is.
#[test]
fn bytes_and_text_are_the_same_key() {
    let generated = MasterKey::generate().unwrap();
    let text = generated.expose_secret_text().unwrap();
    let bytes: [u8; 32] = bech32::decode(&text).unwrap().1.try_into().unwrap();
    let key = MasterKey::from_bytes(&bytes).unwrap();
    assert_eq!(key.id(), MasterKey::from_text(&text).unwrap().id());
    assert_eq!(key.expose_secret_text().unwrap(), text);
    let object = encrypt(&Recipients::from(&generated));
    let opened = keystead::decrypt(&Keys::from(key), &object, &Context::new());
    assert_eq!(opened.unwrap(), b"x");

    for byte in [0, 0x5a, 0xff] {
        assert_eq!(class(MasterKey::from_bytes(&[byte; 32])), ErrorKind::KeyFile);
    }
}

/// Clones, and keys that others are added to, share the secret and the runs that it has opened: an
/// object of such a run opens many times faster.
#[test]
fn clones_of_keys_share_what_they_opened() {
    let pair = MasterKey::generate_pair().unwrap();
    let object = encrypt(&Recipients::from(&pair));
    let text = pair.expose_secret_text().unwrap();
    let keys = Keys::from(pair);
    let (clone, more) = (keys.clone(), keys.clone().and(MasterKey::generate().unwrap()));
    let sealed = keystead::SealedHeader::parse(&object).unwrap();
    let time = |keys: &Keys| {
        let start = std::time::Instant::now();
        sealed.unwrap(keys, &Context::new()).unwrap();
        start.elapsed()
    };
    time(&keys);
    // The best of several, for the machine may have other work.
    let best =
        |times: &mut dyn FnMut() -> std::time::Duration| (0..20).map(|_| times()).min().unwrap();
    let anew = best(&mut || time(&Keys::from(MasterKey::from_text(&text).unwrap())));
    for keys in [&clone, &more] {
        let shared = best(&mut || time(keys));
        assert!(shared * 3 < anew, "{shared:?} with a run that was opened, {anew:?} without");
    }
}

/// Keys are sets: the same key again changes nothing.
#[test]
fn the_same_key_again_changes_nothing() {
    let (key, pair) = (MasterKey::generate().unwrap(), MasterKey::generate_pair().unwrap());
    let ids = [key.id(), pair.id()];
    let keys = Keys::from(&key).and(&pair).and(key).and(Keys::from(pair));
    assert_eq!(keys.iter().map(MasterKey::id).collect::<Vec<_>>(), ids);
    assert_eq!(keys.recipients().iter().map(Recipient::id).collect::<Vec<_>>(), ids);
}

/// R44: public keys in a file are recipients, and nothing opens with them.
#[test]
fn a_file_of_public_keys_opens_nothing() {
    let pairs = [MasterKey::generate_pair().unwrap(), MasterKey::generate_pair().unwrap()];
    let texts = pairs.each_ref().map(|pair| pair.public().unwrap().to_text());
    let file = KeyFile::parse(texts.join("\n").as_bytes()).unwrap();
    assert_eq!((file.keys().len(), file.recipients().len()), (0, 2));
    let object = encrypt(&file.recipients());
    let refused = keystead::decrypt(&file.keys(), &object, &Context::new());
    assert_eq!(class(refused), ErrorKind::NoKey);
    for pair in pairs {
        let opened = keystead::decrypt(&Keys::from(pair), &object, &Context::new());
        assert_eq!(opened.unwrap(), b"x");
    }
    // As a secret key, a public key is refused.
    assert_eq!(class(MasterKey::from_text(&texts[0])), ErrorKind::KeyFile);
}

/// R44: a file with both kinds opens with the secret ones and is for all.
#[test]
fn a_mixed_file_is_for_all_and_opens_with_the_secret_ones() {
    let (key, pair) = (MasterKey::generate().unwrap(), MasterKey::generate_pair().unwrap());
    let public = pair.public().unwrap().to_text();
    let text = format!("{public}\n{}\n", &*key.expose_secret_text().unwrap());
    let file = KeyFile::parse(text.as_bytes()).unwrap();
    let ids = |recipients: Recipients| recipients.iter().map(Recipient::id).collect::<Vec<_>>();
    assert_eq!(ids(file.recipients()), [pair.id(), key.id()]);
    assert_eq!(ids(file.keys().recipients()), [key.id()]);
}
