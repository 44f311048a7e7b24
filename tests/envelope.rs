//! Headers: what is expected of them, who opens them, how they change. Each test names the rules of
//! SPEC.md it shows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where it stands")]

use keystead::{
    Changes, Context, EncryptOptions, ErrorKind, Floor, KeyFile, KeyId, Keys, Location, MasterKey,
    Metadata, Opened, PassphraseCosts, Provenance, PublicKey, Recipient, Recipients, RecordKind,
    Rewrapped, SealedHeader,
};

fn symmetric() -> Keys {
    Keys::from(MasterKey::generate().unwrap())
}

fn passphrase(text: &str) -> MasterKey {
    MasterKey::passphrase(text).unwrap()
}

/// A passphrase that costs little.
fn cheap(text: &str) -> Recipient {
    Recipient::from(&passphrase(text)).with_passphrase_costs(PassphraseCosts::FLOOR)
}

fn class<T: std::fmt::Debug>(result: keystead::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

fn apply(object: &[u8], rewrapped: &Rewrapped) -> Vec<u8> {
    let mut object = object.to_vec();
    rewrapped.apply(&mut object).unwrap();
    object
}

fn place(store: &str, path: &str) -> Location {
    Location { store: store.to_owned(), path: path.to_owned() }
}

/// R37, R11: exact, included, unchecked; nothing else opens.
#[test]
fn another_context_is_refused() {
    let keys = symmetric();
    let context = Context::from([("invoice", "42"), ("tenant", "acme")]);
    let object = keystead::encrypt(&keys.recipients(), b"x", &context).unwrap();
    for wrong in [
        Context::new(),
        Context::from([("invoice", "42")]),
        Context::from([("invoice", "43"), ("tenant", "acme")]),
        Context::from([("Invoice", "42"), ("tenant", "acme")]),
        Context::from([("invoice", "42"), ("tenant", "acme"), ("x", "")]),
    ] {
        assert_eq!(class(keystead::decrypt(&keys, &object, &wrong)), ErrorKind::Context);
    }
    let part = Context::from([("tenant", "acme")]);
    assert!(keystead::decrypt(&keys, &object, part.included()).is_ok());
    assert!(keystead::decrypt(&keys, &object, Context::unchecked()).is_ok());
    let absent = Context::from([("tenant", "other")]);
    assert_eq!(class(keystead::decrypt(&keys, &object, absent.included())), ErrorKind::Context);
    // R35: the header alone decides, before any byte of the body.
    let header = SealedHeader::parse(&object).unwrap();
    let cut = &object[..header.len()];
    assert_eq!(class(keystead::decrypt(&keys, cut, &part)), ErrorKind::Context);
    assert_eq!(class(keystead::decrypt(&keys, cut, &context)), ErrorKind::Auth);
}

/// R13, R11, R12: what a writer refuses.
#[test]
fn a_writer_refuses_what_a_reader_would() {
    let keys = symmetric();
    let try_context =
        |context: Context| class(keystead::encrypt(&keys.recipients(), b"", &context));
    assert_eq!(try_context(Context::from([("keystead.x", "")])), ErrorKind::Usage);
    assert_eq!(try_context(Context::from([("", "x")])), ErrorKind::Usage);
    assert_eq!(try_context(Context::from([("n".repeat(256), "x")])), ErrorKind::Usage);
    assert_eq!(try_context(Context::from([("n", "x".repeat(16_400))])), ErrorKind::Limit);
    assert_eq!(try_context(Context::from([("n", "x".repeat(70_000))])), ErrorKind::Limit);
    assert_eq!(try_context((0..65).map(|i| (i.to_string(), "")).collect()), ErrorKind::Limit);
    assert!(
        keystead::encrypt(&keys.recipients(), b"", &(0..64).map(|i| (i.to_string(), "")).collect())
            .is_ok()
    );

    let context = Context::new();
    assert_eq!(class(keystead::encrypt(&Recipients::new(), b"", &context)), ErrorKind::Usage);
    let two = Recipients::from(cheap("a")).and(cheap("b"));
    assert_eq!(class(keystead::encrypt(&two, b"", &context)), ErrorKind::Usage);
    let many: Vec<_> = (0..21).map(|_| MasterKey::generate().unwrap()).collect();
    let many: Recipients = many.iter().collect();
    assert_eq!(class(keystead::encrypt(&many, b"", &context)), ErrorKind::Limit);
    let key = MasterKey::generate().unwrap();
    let labelled = Recipients::from(Recipient::from(&key).with_label("l".repeat(65)));
    assert_eq!(class(keystead::encrypt(&labelled, b"", &context)), ErrorKind::Usage);

    let with = |options: EncryptOptions| {
        class(keystead::encrypt_with(&keys.recipients(), b"", &context, &options))
    };
    assert_eq!(with(EncryptOptions::new().header_len(100)), ErrorKind::Usage);
    assert_eq!(with(EncryptOptions::new().header_len(104)), ErrorKind::Limit);
    assert_eq!(with(EncryptOptions::new().header_len(65_544)), ErrorKind::Limit);
    assert_eq!(with(EncryptOptions::new().location(place("", "x"))), ErrorKind::Usage);
    assert_eq!(with(EncryptOptions::new().location(place("a\0b", "x"))), ErrorKind::Usage);
    assert_eq!(with(EncryptOptions::new().location(place("a", "/x"))), ErrorKind::Usage);
    assert_eq!(with(EncryptOptions::new().header_len(usize::MAX & !7)), ErrorKind::Limit);
    let reserved = Metadata::new().with("keystead.other", "x");
    assert_eq!(with(EncryptOptions::new().metadata(reserved)), ErrorKind::Usage);
    let big = Metadata::new().with("x", vec![0; 16_384]);
    assert_eq!(with(EncryptOptions::new().metadata(big)), ErrorKind::Limit);
    for length in [0, 4_097] {
        assert_eq!(class(MasterKey::passphrase("p".repeat(length))), ErrorKind::Usage);
    }
    let weak = PassphraseCosts { memory_kib: 8, passes: 1, lanes: 1 };
    let weak = Recipients::from(cheap("a").with_passphrase_costs(weak));
    assert_eq!(class(keystead::encrypt(&weak, b"", &context)), ErrorKind::Usage);
}

/// R6, R7: the header length is the writer's choice, and the object's length follows.
#[test]
fn a_header_has_the_length_that_was_asked_for() {
    let keys = symmetric();
    let options = EncryptOptions::new().header_len(4_096);
    let object =
        keystead::encrypt_with(&keys.recipients(), b"abc", &Context::new(), &options).unwrap();
    assert_eq!(object.len(), 4_096 + 56 + 3 + 16);
    assert_eq!(keystead::decrypt(&keys, &object, &Context::new()).unwrap(), b"abc");
    let largest = EncryptOptions::new().header_len(65_536);
    let object =
        keystead::encrypt_with(&keys.recipients(), b"abc", &Context::new(), &largest).unwrap();
    assert_eq!(keystead::decrypt(&keys, &object, &Context::new()).unwrap(), b"abc");
}

/// R14 to R16: private metadata comes back, and is not in the object in the clear.
#[test]
fn metadata_is_private() {
    let keys = symmetric();
    let metadata = Metadata::new()
        .with(Metadata::NAME, "the quarterly report.pdf")
        .with("colour", vec![0xff, 0x00, 0xfe]);
    let options = EncryptOptions::new().metadata(metadata.clone());
    let object =
        keystead::encrypt_with(&keys.recipients(), b"abc", &Context::new(), &options).unwrap();
    let details = keystead::decrypt_with_info(&keys, &object, &Context::new()).unwrap().info;
    assert_eq!(details.metadata, metadata);
    assert!(!object.windows(9).any(|window| window == b"quarterly"));
    assert!(!format!("{metadata:?}").contains("quarterly"));
}

/// R19: an object served at another place does not open.
#[test]
fn location_binds() {
    let keys = symmetric();
    let context = Context::new();
    let options = EncryptOptions::new().location(place("invoices", "2026/42.pdf"));
    let object = keystead::encrypt_with(&keys.recipients(), b"abc", &context, &options).unwrap();
    let expect = |store, path| {
        keystead::decrypt(&keys, &object, Context::unchecked().at(&place(store, path)))
    };
    assert!(expect("invoices", "2026/42.pdf").is_ok());
    for (store, path) in [("invoices", "2026/43.pdf"), ("other", "2026/42.pdf"), ("invoices", "")] {
        assert_eq!(class(expect(store, path)), ErrorKind::Context);
    }
    assert!(keystead::decrypt(&keys, &object, &context).is_ok());
    let unbound = keystead::encrypt(&keys.recipients(), b"abc", &context).unwrap();
    let at = place("invoices", "2026/42.pdf");
    let expected = Context::unchecked().at(&at);
    assert_eq!(class(keystead::decrypt(&keys, &unbound, expected)), ErrorKind::Context);
    assert!(!object.windows(8).any(|window| window == b"invoices"));
}

/// R36, R39: which key decides, and what it says.
#[test]
fn the_first_held_record_decides() {
    let (a, b) = (MasterKey::generate().unwrap(), MasterKey::generate_pair().unwrap());
    let (a_id, b_id) = (a.id(), b.id());
    let recipients = Recipients::from(&a).and(&b).and(cheap("p"));
    let object = keystead::encrypt(&recipients, b"x", &Context::new()).unwrap();
    let keys = Keys::from(&a).and(&b).and(passphrase("p"));
    let opened = |keys: &Keys| {
        keystead::decrypt_with_info(keys, &object, &Context::new())
            .map(|opened| opened.info.opened_by)
    };
    let by = opened(&keys).unwrap();
    assert_eq!(
        (by.kind, by.key_id, by.provenance),
        (RecordKind::Symmetric, a_id, Provenance::Holder)
    );
    let by = opened(&Keys::from(b)).unwrap();
    assert_eq!((by.kind, by.key_id, by.provenance), (RecordKind::Pair, b_id, Provenance::Anyone));
    let by = opened(&Keys::from(passphrase("p"))).unwrap();
    assert_eq!((by.kind, by.provenance), (RecordKind::Passphrase, Provenance::Holder));
    assert!(by.key_id.is_anonymous());
    assert_eq!(class(opened(&Keys::from(passphrase("q")))), ErrorKind::NoKey);
    assert_eq!(class(opened(&symmetric())), ErrorKind::NoKey);
    assert_eq!(class(opened(&Keys::new())), ErrorKind::NoKey);
}

/// R39: who demands `held` does not get an object that anyone could have made.
#[test]
fn held_refuses_what_anyone_can_make() {
    let pair = MasterKey::generate_pair().unwrap();
    let public = Recipients::from(pair.public().unwrap());
    let context = Context::new();
    let planted = keystead::encrypt(&public, b"planted", &context).unwrap();
    let keys = Keys::from(pair).and(MasterKey::generate().unwrap());
    assert!(keystead::decrypt(&keys, &planted, &context).is_ok());
    let held = Context::unchecked().require_holder();
    assert_eq!(class(keystead::decrypt(&keys, &planted, held)), ErrorKind::NoKey);
    let own = keystead::encrypt(&keys.recipients(), b"own", &context).unwrap();
    assert_eq!(keystead::decrypt(&keys, &own, held).unwrap(), b"own");
}

/// R28: objects of one run share an enc; a fresh run and an anonymous record do not.
#[test]
fn runs_are_shared_and_fresh_where_asked() {
    let pair = MasterKey::generate_pair().unwrap();
    let public = Recipients::from(pair.public().unwrap());
    let enc = |recipients: &Recipients, options: &EncryptOptions| {
        let object = keystead::encrypt_with(recipients, b"x", &Context::new(), options).unwrap();
        // preamble, id, flags, length, generation, flags, count, kind, length, key id
        object[9 + 25 + 10 + 19..][..1_120].to_vec()
    };
    let plain = EncryptOptions::new();
    assert_eq!(enc(&public, &plain), enc(&public, &plain));
    assert_ne!(enc(&public, &plain), enc(&public, &EncryptOptions::new().unlinkable()));
    let anonymous = Recipients::from(Recipient::from(&pair).anonymous());
    assert_ne!(enc(&anonymous, &plain), enc(&anonymous, &plain));
    let keys = Keys::from(pair);
    for recipients in [&public, &anonymous] {
        let object = keystead::encrypt(recipients, b"x", &Context::new()).unwrap();
        assert_eq!(keystead::decrypt(&keys, &object, &Context::new()).unwrap(), b"x");
    }
}

/// R44, R22: a comment labels the key after it, and its records.
#[test]
fn a_key_file_labels_its_keys() {
    let texts = [MasterKey::generate(), MasterKey::generate()]
        .map(|key| key.unwrap().expose_secret_text().unwrap());
    let [one, two] = texts.each_ref().map(|text| text.as_str());
    let labels = |text: &str| {
        let file = KeyFile::parse(text.as_bytes()).unwrap();
        // It comes back as it was.
        let again = KeyFile::parse(file.expose_text().unwrap().as_bytes()).unwrap();
        let of = |file: &KeyFile| {
            file.recipients().iter().map(|key| key.label().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(of(&file), of(&again));
        of(&file)
    };
    let text = format!("# label: vault\n# made today\n{one}\n{two}\n");
    assert_eq!(labels(&text), ["vault", ""]);
    let file = KeyFile::parse(text.as_bytes()).unwrap();
    let object = keystead::encrypt(&file.recipients(), b"x", &Context::new()).unwrap();
    let found = keystead::inspect(&object, None).unwrap().records;
    assert_eq!((found[0].label.as_deref(), &found[1].label), (Some("vault"), &None));
    // What no record takes is a comment like any other.
    for strange in ["", &"x".repeat(65), "a\u{7}"] {
        assert_eq!(labels(&format!("# label: {strange}\n{one}\n{two}\n")), ["", ""]);
    }
}

/// R46, R18: another access list, the same body.
#[test]
fn rewrap_replaces_adds_and_drops() {
    let (old, new) = (symmetric(), symmetric());
    let context = Context::from([("a", "b")]);
    let object = keystead::encrypt(&old.recipients(), &[7; 40_000], &context).unwrap();

    let replaced =
        keystead::rewrap(&object, &old, &context, &Changes::set(&new.recipients())).unwrap();
    assert_eq!(replaced.header.len(), replaced.old_len);
    let second = apply(&object, &replaced);
    assert_eq!(class(keystead::decrypt(&old, &second, &context)), ErrorKind::NoKey);
    assert_eq!(keystead::decrypt(&new, &second, &context).unwrap(), vec![7; 40_000]);
    assert_eq!(keystead::inspect(&second, None).unwrap().generation, 1);

    let pair = MasterKey::generate_pair().unwrap();
    let recipients = Recipients::from(&pair).and(cheap("p"));
    let third = Keys::from(pair).and(passphrase("p"));
    let added = keystead::rewrap(&second, &new, &context, &Changes::add(&recipients)).unwrap();
    let third_object = apply(&second, &added);
    for keys in [&new, &third] {
        assert!(keystead::decrypt(keys, &third_object, &context).is_ok());
    }
    let id = new.iter().next().unwrap().id();
    let dropped =
        keystead::rewrap(&third_object, &third, &context, &Changes::new().remove(id)).unwrap();
    let last = apply(&third_object, &dropped);
    assert_eq!(class(keystead::decrypt(&new, &last, &context)), ErrorKind::NoKey);
    assert!(keystead::decrypt(&third, &last, &context).is_ok());
    assert_eq!(last[dropped.header.len()..], object[replaced.old_len..]);
}

/// R46: exactly the keys of a set open afterwards. Anonymous records and the passphrase go, too.
#[test]
fn rewrap_sets_who_opens() {
    let pair = MasterKey::generate_pair().unwrap();
    let hidden = Recipient::from(pair.public().unwrap()).anonymous();
    let keys = symmetric();
    let context = Context::new();
    let recipients = keys.recipients().and(cheap("p")).and(hidden);
    let object = keystead::encrypt(&recipients, b"x", &context).unwrap();
    let records = |object: &[u8]| keystead::inspect(object, None).unwrap().records.len();
    assert_eq!(records(&object), 3);
    let own = symmetric();
    let set = keystead::rewrap(&object, &keys, &context, &Changes::set(&own.recipients())).unwrap();
    let after = apply(&object, &set);
    assert_eq!(records(&after), 1);
    assert_eq!(class(keystead::decrypt(&keys, &after, &context)), ErrorKind::NoKey);
    assert_eq!(keystead::decrypt(&own, &after, &context).unwrap(), b"x");

    // A key that opened already opens afterwards, too.
    let kept = keystead::rewrap(&after, &own, &context, &Changes::set(&own.recipients())).unwrap();
    assert!(keystead::decrypt(&own, &apply(&after, &kept), &context).is_ok());

    let refused =
        |changes: Changes<'_>| class(keystead::rewrap(&object, &keys, &context, &changes));
    assert_eq!(refused(Changes::set(&Keys::new().recipients())), ErrorKind::Usage);
    assert_eq!(refused(Changes::set(&own.recipients()).remove_passphrase()), ErrorKind::Usage);
    assert_eq!(refused(Changes::set(&own.recipients()).remove_record(0)), ErrorKind::Usage);

    let removed = Changes::new().remove_passphrase();
    let removed = keystead::rewrap(&object, &keys, &context, &removed).unwrap();
    let object = apply(&object, &removed);
    assert_eq!(records(&object), 2);
    let again = Changes::new().remove_passphrase();
    assert_eq!(class(keystead::rewrap(&object, &keys, &context, &again)), ErrorKind::Usage);
}

/// R46: what a rewrap refuses.
#[test]
fn rewrap_refuses_to_lock_everybody_out() {
    let key = MasterKey::generate().unwrap();
    let recipients = Recipients::from(&key).and(cheap("p"));
    let keys = Keys::from(key);
    let context = Context::new();
    let object = keystead::encrypt(&recipients, b"x", &context).unwrap();
    let try_it = |changes: &Changes<'_>| class(keystead::rewrap(&object, &keys, &context, changes));
    let unknown: KeyId = "00112233445566778899aabbccddeeff".parse().unwrap();
    assert_eq!(try_it(&Changes::new().remove(unknown)), ErrorKind::Usage);
    assert_eq!(try_it(&Changes::new().remove_record(0).remove_record(1)), ErrorKind::Usage);
    assert_eq!(try_it(&Changes::new().remove_record(2)), ErrorKind::Usage);
    let another = Recipients::from(cheap("q"));
    assert_eq!(try_it(&Changes::add(&another)), ErrorKind::Usage);
    let zero = KeyId::from_bytes([0; 16]);
    assert_eq!(try_it(&Changes::new().remove(zero)), ErrorKind::Usage);
    assert_eq!(try_it(&Changes::new().header_len(12)), ErrorKind::Usage);
    let stranger = symmetric();
    let refused = keystead::rewrap(&object, &stranger, &context, &Changes::new());
    assert_eq!(class(refused), ErrorKind::NoKey);
    // The commitment is checked too, so a header alone is not enough.
    let cut = &object[..SealedHeader::parse(&object).unwrap().len()];
    assert_eq!(class(keystead::rewrap(cut, &keys, &context, &Changes::new())), ErrorKind::Auth);
}

/// R39, R46: what anyone could have made is not made to look as if a holder had, unless he says so.
#[test]
fn a_rewrap_does_not_vouch_by_itself() {
    let pair = MasterKey::generate_pair().unwrap();
    let public = Recipients::from(pair.public().unwrap());
    let context = Context::new();
    let planted = keystead::encrypt(&public, b"planted", &context).unwrap();
    let (keys, own) = (Keys::from(pair), symmetric());
    let adopt = |changes: &Changes<'_>| keystead::rewrap(&planted, &keys, &context, changes);
    assert_eq!(class(adopt(&Changes::set(&own.recipients()))), ErrorKind::Usage);
    assert_eq!(class(adopt(&Changes::add(&cheap("p").into()))), ErrorKind::Usage);
    assert!(adopt(&Changes::add(&Recipients::from(&MasterKey::generate_pair().unwrap()))).is_ok());
    let vouched = apply(&planted, &adopt(&Changes::set(&own.recipients()).vouch()).unwrap());
    assert_eq!(
        keystead::decrypt(&own, &vouched, Context::unchecked().require_holder()).unwrap(),
        b"planted"
    );
}

/// R46, R19: a rewrap keeps the location, moves it, or takes it away.
#[test]
fn rewrap_moves_the_location() {
    let keys = symmetric();
    let options = EncryptOptions::new().location(place("s", "old"));
    let object =
        keystead::encrypt_with(&keys.recipients(), b"x", &Context::new(), &options).unwrap();
    let at = |object: &[u8], path| {
        keystead::decrypt(&keys, object, Context::unchecked().at(&place("s", path))).is_ok()
    };
    let change = |changes: &Changes<'_>| {
        let done = keystead::rewrap(&object, &keys, Context::unchecked(), changes).unwrap();
        apply(&object, &done)
    };
    assert!(at(&change(&Changes::new()), "old"));
    let moved = change(&Changes::new().location(&place("s", "new")));
    assert!(at(&moved, "new") && !at(&moved, "old"));
    let free = change(&Changes::new().location(None));
    assert!(!at(&free, "old"));
    assert!(keystead::decrypt(&keys, &free, Context::unchecked()).is_ok());
}

/// R38: an older header, another object and a burnt counter are named.
#[test]
fn the_floor_names_a_rollback() {
    let (keys, revoked) = (symmetric(), MasterKey::generate().unwrap());
    let context = Context::new();
    let revoked_id = revoked.id();
    let both = Keys::from(revoked);
    let object = keystead::encrypt(&both.recipients(), b"x", &context).unwrap();
    let done =
        keystead::rewrap(&object, &both, &context, &Changes::set(&keys.recipients())).unwrap();
    let current = apply(&object, &done);
    let floor = done.floor;
    let expect = |object: &[u8], keys: &Keys, floor: Floor| {
        keystead::decrypt(keys, object, Context::unchecked().not_before(floor))
    };
    assert!(expect(&current, &keys, floor).is_ok());
    assert_eq!(class(expect(&object, &both, floor)), ErrorKind::Rollback);
    let later = keystead::rewrap(&current, &keys, &context, &Changes::new()).unwrap();
    assert!(expect(&apply(&current, &later), &keys, floor).is_ok());
    let same_generation = Floor { tag: [0; 32], ..floor };
    assert_eq!(class(expect(&current, &keys, same_generation)), ErrorKind::Rollback);
    let other = Floor { commitment: [0; 32], ..floor };
    assert_eq!(class(expect(&current, &keys, other)), ErrorKind::Rollback);
    let details = keystead::decrypt_with_info(&keys, &current, &context).unwrap().info;
    assert_eq!(details.floor, floor);
    // Kept as text, it demands the same.
    let kept: Floor = floor.to_string().parse().unwrap();
    assert_eq!(class(expect(&object, &both, kept)), ErrorKind::Rollback);
    assert!(expect(&current, &keys, kept).is_ok());
    assert!(!revoked_id.is_anonymous());
}

/// R38: whoever makes an object is told its floor.
#[test]
fn the_encryptor_knows_the_floor() {
    let keys = symmetric();
    let mut out =
        keystead::Encryptor::new(Vec::new(), &keys.recipients(), &Context::new()).unwrap();
    std::io::Write::write_all(&mut out, &[7; 40_000]).unwrap();
    let made = out.finish().unwrap();
    let details = keystead::decrypt_with_info(&keys, &made.out, &Context::new()).unwrap().info;
    assert_eq!(details.floor, made.floor);
}

/// R47: re-encryption keeps context and metadata and nothing else.
#[test]
fn reencrypt_makes_another_object() {
    let (old, new) = (symmetric(), symmetric());
    let context = Context::from([("a", "b")]);
    let metadata = Metadata::new().with(Metadata::NAME, "n");
    let options = EncryptOptions::new().metadata(metadata.clone());
    let object =
        keystead::encrypt_with(&old.recipients(), &[9; 20_000], &context, &options).unwrap();
    let made = keystead::reencrypt(
        &object[..],
        &old,
        &context,
        &new.recipients(),
        &EncryptOptions::new(),
        Vec::new(),
    )
    .unwrap()
    .new
    .out;
    let Opened { plaintext: text, info: details, .. } =
        keystead::decrypt_with_info(&new, &made, &context).unwrap();
    assert_eq!(text, vec![9; 20_000]);
    assert_eq!(details.metadata, metadata);
    let (before, after) =
        (keystead::inspect(&object, None).unwrap(), keystead::inspect(&made, None).unwrap());
    assert_ne!(before.object_id, after.object_id);
    assert_eq!(after.generation, 0);
    assert_ne!(object[object.len() - 64..], made[made.len() - 64..]);
}

/// R35: inspection needs no key and gives only claims; it says what it does not know.
#[test]
fn inspect_needs_no_key() {
    let key = MasterKey::generate().unwrap();
    let recipients = Recipients::from(Recipient::from(&key).with_label("laptop"))
        .and(cheap("p"))
        .and(Recipient::from(&MasterKey::generate_pair().unwrap()).anonymous());
    let context = Context::from([("tenant", "acme")]);
    let object = keystead::encrypt(&recipients, &[0; 1_000], &context).unwrap();
    let seen = keystead::inspect(&object, u64::try_from(object.len()).ok()).unwrap();
    assert_eq!(seen.plaintext_len, Some(1_000));
    assert_eq!(seen.stated_plaintext_len, Some(1_000));
    assert_eq!(seen.context["tenant"], "acme");
    let kinds: Vec<_> = seen.records.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, ["symmetric", "passphrase", "pair"]);
    assert_eq!(seen.records[0].label.as_deref(), Some("laptop"));
    assert_eq!(seen.records[0].key_id, Some(key.id()));
    assert_eq!(seen.records[1].argon2id, Some(PassphraseCosts::FLOOR));
    assert_eq!(seen.records[2].key_id, None);
    assert!(serde_json::to_string(&seen).unwrap().contains("\"tenant\":\"acme\""));
}

/// R29: the most that a reader spends, before memory is taken.
#[test]
fn a_costly_passphrase_record_is_a_limit() {
    let costs = PassphraseCosts { memory_kib: 19_456, passes: 11, lanes: 1 };
    let writer = Recipients::from(cheap("p").with_passphrase_costs(costs));
    let refused = keystead::encrypt(&writer, b"x", &Context::new());
    assert_eq!(class(refused), ErrorKind::Usage, "no reader would open it");
    let mut object = keystead::encrypt(&cheap("p").into(), b"x", &Context::new()).unwrap();
    object[PASSES] = 11;
    let reader = Keys::from(passphrase("p"));
    let error = keystead::decrypt(&reader, &object, &Context::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.hint().unwrap().contains("with_passphrase_ceiling"));
    // A lower ceiling does not lift the limit on memory times passes.
    let heavy = PassphraseCosts { memory_kib: 500_000, passes: 10, lanes: 1 };
    let mut dear = keystead::encrypt(&cheap("p").into(), b"x", &Context::new()).unwrap();
    dear[PASSES - 7..PASSES - 3].copy_from_slice(&heavy.memory_kib.to_be_bytes());
    dear[PASSES - 3..=PASSES].copy_from_slice(&heavy.passes.to_be_bytes());
    let lower = PassphraseCosts { memory_kib: 600_000, ..PassphraseCosts::CEILING };
    for ceiling in [PassphraseCosts::CEILING, lower] {
        let keys = Keys::from(passphrase("p")).with_passphrase_ceiling(ceiling);
        let refused = keystead::decrypt(&keys, &dear, &Context::new());
        assert_eq!(class(refused), ErrorKind::Limit);
    }
    // Nobody made it with 11 passes, so what they derive does not open it.
    let raised = Keys::from(passphrase("p")).with_passphrase_ceiling(costs);
    assert_eq!(class(keystead::decrypt(&raised, &object, &Context::new())), ErrorKind::NoKey);
}

/// Where the low byte of Argon2id's passes is in an object with a passphrase record and no context.
const PASSES: usize = 9 + 25 + 10 + 3 + 16 + 16 + 7;

/// R44: an encrypted key file opens with its passphrase, and nothing else passes for one.
#[test]
fn encrypted_key_files() {
    let key = MasterKey::generate_pair().unwrap();
    let id = key.id();
    let text = KeyFile::from(key).expose_text().unwrap();
    let file = KeyFile::encrypt(&text, cheap("p")).unwrap();
    let read =
        |bytes: &[u8], p: &str| KeyFile::open(bytes, || MasterKey::passphrase(p).map(Keys::from));
    let again = read(file.as_bytes(), "p").unwrap();
    assert_eq!(again.keys().iter().next().unwrap().id(), id);
    assert_eq!(class(read(file.as_bytes(), "q")), ErrorKind::NoKey);
    let binary = keystead::dearmor(file.as_bytes()).unwrap();
    assert!(read(&binary, "p").is_ok());
    let other = keystead::encrypt(&cheap("p").into(), b"x", &Context::new()).unwrap();
    assert_eq!(class(read(&other, "p")), ErrorKind::KeyFile);
    assert_eq!(class(read(&vec![b'#'; 1_048_577], "p")), ErrorKind::Limit);
    assert!(!file.contains("AGE-SECRET"));
}

/// R40 to R43: an id and a text for each kind, and back.
#[test]
fn key_texts_come_back() {
    for key in [MasterKey::generate().unwrap(), MasterKey::generate_pair().unwrap()] {
        let text = key.expose_secret_text().unwrap();
        assert_eq!(MasterKey::from_text(&text).unwrap().id(), key.id());
        assert!(!format!("{key:?}").contains(&text[30..]));
        for at in 0..text.len() {
            let mut typo = text.to_string().into_bytes();
            typo[at] = if typo[at] == b'Q' { b'P' } else { b'Q' };
            let typo = String::from_utf8(typo).unwrap();
            assert_eq!(class(MasterKey::from_text(&typo)), ErrorKind::KeyFile, "{at}");
        }
    }
    // A character of several bytes, wherever the prefix ends.
    for text in [
        "abcde\u{e9}",
        "age1p\u{e9}1foo",
        "AGE-SECRET-KEY-PQ\u{e9}",
        "KEYSTEAD-SYMMETRIC-KEY\u{e9}",
        "\u{e9}",
    ] {
        assert_eq!(class(MasterKey::from_text(text)), ErrorKind::KeyFile, "{text}");
        assert_eq!(class(KeyFile::parse(text.as_bytes())), ErrorKind::KeyFile, "{text}");
    }
    let pair = MasterKey::generate_pair().unwrap();
    let public = pair.public().unwrap().to_text();
    assert_eq!(PublicKey::from_text(&public).unwrap().id(), pair.id());
    assert_eq!(class(MasterKey::from_text(&public)), ErrorKind::KeyFile);
    assert_eq!(class(passphrase("p").expose_secret_text()), ErrorKind::Usage);
}

/// Labels and anonymity are a recipient's: the same key may be named here and anonymous there.
#[test]
fn a_recipient_says_how_its_record_looks() {
    let key = MasterKey::generate().unwrap();
    let named = || Recipient::from(&key).with_label("safe");
    let records = |recipients: &Recipients| {
        let object = keystead::encrypt(recipients, b"x", &Context::new()).unwrap();
        assert_eq!(keystead::decrypt(&Keys::from(&key), &object, &Context::new()).unwrap(), b"x");
        keystead::inspect(&object, None).unwrap().records
    };
    let found = records(&named().into());
    assert_eq!((found[0].key_id, found[0].label.as_deref()), (Some(key.id()), Some("safe")));
    // Named twice it is one record, anonymous where either says so.
    for both in [
        Recipients::from(named()).and(named().anonymous()),
        Recipients::from(named().anonymous()).and(named()),
    ] {
        let found = records(&both);
        assert_eq!((found.len(), found[0].key_id), (1, None));
    }
    assert!(!Keys::from(&key).recipients().iter().any(Recipient::is_anonymous));
}

/// R42, R43: the same key from its bytes and from its text.
#[test]
fn a_key_comes_from_bytes() {
    let bytes: [u8; 32] = std::array::from_fn(|i| u8::try_from(i).unwrap());
    let key = MasterKey::from_bytes(&bytes).unwrap();
    let again = MasterKey::from_text(&key.expose_secret_text().unwrap()).unwrap();
    assert_eq!((again.id(), again.kind()), (key.id(), RecordKind::Symmetric));
    assert_eq!(class(MasterKey::from_bytes(&[7; 32])), ErrorKind::KeyFile);
}

/// R44: a public key in a key file opens nothing, and encrypts.
#[test]
fn a_key_file_of_public_keys_opens_nothing() {
    let pair = MasterKey::generate_pair().unwrap();
    let text = format!("# for all who write\n{}\n", pair.public().unwrap().to_text());
    let file = KeyFile::parse(text.as_bytes()).unwrap();
    assert!(file.keys().is_empty());
    let object = keystead::encrypt(&file.recipients(), b"x", &Context::new()).unwrap();
    assert_eq!(class(keystead::decrypt(&file.keys(), &object, &Context::new())), ErrorKind::NoKey);
    assert!(keystead::decrypt(&Keys::from(&pair), &object, &Context::new()).is_ok());
    // With its secret key it is one key.
    let both = file.and(pair);
    assert_eq!((both.keys().len(), both.recipients().len(), both.public_keys().count()), (1, 1, 2));
}

/// A rewrapped header goes onto its own object only: another one would lose its wrapped keys.
#[test]
fn a_rewrap_is_applied_to_its_own_object_only() {
    let keys = symmetric();
    let context = Context::new();
    let make = || keystead::encrypt(&keys.recipients(), b"x", &context).unwrap();
    let (object, other) = (make(), make());
    let another = symmetric().recipients();
    let rewrapped = keystead::rewrap(&object, &keys, &context, &Changes::add(&another)).unwrap();
    let newer = apply(&object, &rewrapped);
    let mut changed = object.clone();
    changed[rewrapped.old_len] ^= 1;
    for wrong in [other, newer, changed, object[..rewrapped.old_len + 55].to_vec(), Vec::new()] {
        let mut target = wrong.clone();
        assert_eq!(class(rewrapped.apply(&mut target)), ErrorKind::Usage);
        assert_eq!(target, wrong, "untouched");
    }
}

/// What opens an object is said by an error, as the header claims it.
#[test]
fn an_error_says_which_keys_would_open() {
    let (key, pair) = (MasterKey::generate().unwrap(), MasterKey::generate_pair().unwrap());
    let recipients = Recipients::from(&key).and(Recipient::from(&pair).anonymous()).and(cheap("p"));
    let object = keystead::encrypt(&recipients, b"x", &Context::new()).unwrap();
    let error = keystead::decrypt(&symmetric(), &object, &Context::new()).unwrap_err();
    let keystead::Error::NoKey(ways) = &error else { panic!("{error}") };
    assert_eq!(ways.key_ids().collect::<Vec<_>>(), [key.id()]);
    assert_eq!((ways.anonymous(), ways.has_passphrase()), (1, true));
    assert!(!error.is_retryable());
    let timeout = std::io::Error::from(std::io::ErrorKind::TimedOut);
    assert!(keystead::Error::from_io(timeout).is_retryable());
}
