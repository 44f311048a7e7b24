//! Headers: what is expected of them, who opens them, how they change. Each test names the rules of
//! SPEC.md it shows.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use keystead::{
    Changes, Context, ErrorClass, Floor, Grade, KeyId, Keyring, Kind, MasterKey, Metadata, Options,
    PassphraseCosts, Rewrapped, SealedHeader,
};

fn symmetric() -> Keyring {
    Keyring::new(MasterKey::generate().unwrap())
}

fn passphrase(text: &str) -> MasterKey {
    MasterKey::passphrase(text).unwrap().with_passphrase_costs(PassphraseCosts::FLOOR)
}

fn class<T: std::fmt::Debug>(result: keystead::Result<T>) -> ErrorClass {
    result.unwrap_err().class()
}

fn apply(object: &[u8], rewrapped: &Rewrapped) -> Vec<u8> {
    [&rewrapped.header, &object[rewrapped.old_len..]].concat()
}

/// R37, R11: exact, included, unchecked; nothing else opens.
#[test]
fn another_context_is_refused() {
    let keys = symmetric();
    let context = Context::from([("invoice", "42"), ("tenant", "acme")]);
    let object = keystead::encrypt(&keys, b"x", &context).unwrap();
    for wrong in [
        Context::new(),
        Context::from([("invoice", "42")]),
        Context::from([("invoice", "43"), ("tenant", "acme")]),
        Context::from([("Invoice", "42"), ("tenant", "acme")]),
        Context::from([("invoice", "42"), ("tenant", "acme"), ("x", "")]),
    ] {
        assert_eq!(class(keystead::decrypt(&keys, &object, &wrong)), ErrorClass::Context);
    }
    let part = Context::from([("tenant", "acme")]);
    assert!(keystead::decrypt(&keys, &object, part.included()).is_ok());
    assert!(keystead::decrypt(&keys, &object, Context::unchecked()).is_ok());
    let absent = Context::from([("tenant", "other")]);
    assert_eq!(class(keystead::decrypt(&keys, &object, absent.included())), ErrorClass::Context);
    // R35: the header alone decides, before any byte of the body.
    let header = SealedHeader::parse(&object).unwrap();
    let cut = &object[..header.len()];
    assert_eq!(class(keystead::decrypt(&keys, cut, &part)), ErrorClass::Context);
    assert_eq!(class(keystead::decrypt(&keys, cut, &context)), ErrorClass::Auth);
}

/// R13, R11, R12: what a writer refuses.
#[test]
fn a_writer_refuses_what_a_reader_would() {
    let keys = symmetric();
    let try_context = |context: Context| class(keystead::encrypt(&keys, b"", &context));
    assert_eq!(try_context(Context::from([("keystead.x", "")])), ErrorClass::Usage);
    assert_eq!(try_context(Context::from([("", "x")])), ErrorClass::Usage);
    assert_eq!(try_context(Context::from([("n".repeat(256), "x")])), ErrorClass::Usage);
    assert_eq!(try_context(Context::from([("n", "x".repeat(16_400))])), ErrorClass::Limit);
    assert_eq!(try_context(Context::from([("n", "x".repeat(70_000))])), ErrorClass::Limit);
    assert_eq!(try_context((0..65).map(|i| (i.to_string(), "")).collect()), ErrorClass::Limit);
    assert!(keystead::encrypt(&keys, b"", &(0..64).map(|i| (i.to_string(), "")).collect()).is_ok());

    let context = Context::new();
    assert_eq!(class(keystead::encrypt(&Keyring::empty(), b"", &context)), ErrorClass::Usage);
    let two = Keyring::new(passphrase("a")).with(passphrase("b"));
    assert_eq!(class(keystead::encrypt(&two, b"", &context)), ErrorClass::Usage);
    let mut many = Keyring::empty();
    (0..21).for_each(|_| many.add(MasterKey::generate().unwrap()));
    assert_eq!(class(keystead::encrypt(&many, b"", &context)), ErrorClass::Limit);
    let labelled = Keyring::new(MasterKey::generate().unwrap().with_label("l".repeat(65)));
    assert_eq!(class(keystead::encrypt(&labelled, b"", &context)), ErrorClass::Usage);

    let with = |options: Options| class(keystead::encrypt_with(&keys, b"", &context, &options));
    assert_eq!(with(Options::new().header_len(100)), ErrorClass::Usage);
    assert_eq!(with(Options::new().header_len(104)), ErrorClass::Limit);
    assert_eq!(with(Options::new().header_len(65_544)), ErrorClass::Limit);
    assert_eq!(with(Options::new().location("", "x")), ErrorClass::Usage);
    assert_eq!(with(Options::new().location("a\0b", "x")), ErrorClass::Usage);
    assert_eq!(with(Options::new().location("a", "/x")), ErrorClass::Usage);
    assert_eq!(with(Options::new().header_len(usize::MAX & !7)), ErrorClass::Limit);
    let reserved = Metadata::new().with("keystead.other", "x");
    assert_eq!(with(Options::new().metadata(reserved)), ErrorClass::Usage);
    let big = Metadata::new().with("x", vec![0; 16_384]);
    assert_eq!(with(Options::new().metadata(big)), ErrorClass::Limit);
    for length in [0, 4_097] {
        assert_eq!(class(MasterKey::passphrase("p".repeat(length))), ErrorClass::Usage);
    }
    let weak = PassphraseCosts { memory_kib: 8, passes: 1, lanes: 1 };
    let weak = Keyring::new(passphrase("a").with_passphrase_costs(weak));
    assert_eq!(class(keystead::encrypt(&weak, b"", &context)), ErrorClass::Usage);
}

/// R6, R7: the header length is the writer's choice, and the object's length follows.
#[test]
fn a_header_has_the_length_that_was_asked_for() {
    let keys = symmetric();
    let options = Options::new().header_len(4_096);
    let object = keystead::encrypt_with(&keys, b"abc", &Context::new(), &options).unwrap();
    assert_eq!(object.len(), 4_096 + 56 + 3 + 16);
    assert_eq!(keystead::decrypt(&keys, &object, &Context::new()).unwrap(), b"abc");
    let largest = Options::new().header_len(65_536);
    let object = keystead::encrypt_with(&keys, b"abc", &Context::new(), &largest).unwrap();
    assert_eq!(keystead::decrypt(&keys, &object, &Context::new()).unwrap(), b"abc");
}

/// R14 to R16: private metadata comes back, and is not in the object in the clear.
#[test]
fn metadata_is_private() {
    let keys = symmetric();
    let metadata = Metadata::new()
        .with(Metadata::NAME, "the quarterly report.pdf")
        .with("colour", vec![0xff, 0x00, 0xfe]);
    let options = Options::new().metadata(metadata.clone());
    let object = keystead::encrypt_with(&keys, b"abc", &Context::new(), &options).unwrap();
    let (_, details) = keystead::decrypt_with_details(&keys, &object, &Context::new()).unwrap();
    assert_eq!(details.metadata, metadata);
    assert!(!object.windows(9).any(|window| window == b"quarterly"));
    assert!(!format!("{metadata:?}").contains("quarterly"));
}

/// R19: an object served at another place does not open.
#[test]
fn location_binds() {
    let keys = symmetric();
    let context = Context::new();
    let options = Options::new().location("invoices", "2026/42.pdf");
    let object = keystead::encrypt_with(&keys, b"abc", &context, &options).unwrap();
    let expect =
        |store, path| keystead::decrypt(&keys, &object, Context::unchecked().at(store, path));
    assert!(expect("invoices", "2026/42.pdf").is_ok());
    for (store, path) in [("invoices", "2026/43.pdf"), ("other", "2026/42.pdf"), ("invoices", "")] {
        assert_eq!(class(expect(store, path)), ErrorClass::Context);
    }
    assert!(keystead::decrypt(&keys, &object, &context).is_ok());
    let unbound = keystead::encrypt(&keys, b"abc", &context).unwrap();
    let expected = Context::unchecked().at("invoices", "2026/42.pdf");
    assert_eq!(class(keystead::decrypt(&keys, &unbound, expected)), ErrorClass::Context);
    assert!(!object.windows(8).any(|window| window == b"invoices"));
}

/// R36, R39: which key decides, and what it says.
#[test]
fn the_first_held_record_decides() {
    let (a, b) = (MasterKey::generate().unwrap(), MasterKey::generate_pair().unwrap());
    let (a_id, b_id) = (a.id(), b.id());
    let keys = Keyring::new(a).with(b).with(passphrase("p"));
    let object = keystead::encrypt(&keys, b"x", &Context::new()).unwrap();
    let opened = |keys: &Keyring| {
        keystead::decrypt_with_details(keys, &object, &Context::new()).map(|(_, d)| d.opened_by)
    };
    let by = opened(&keys).unwrap();
    assert_eq!((by.kind, by.key_id, by.grade), (Kind::Symmetric, a_id, Grade::Held));
    let mut each = keys.into_iter();
    let (a, b, p) = (each.next().unwrap(), each.next().unwrap(), each.next().unwrap());
    let by = opened(&Keyring::new(b)).unwrap();
    assert_eq!((by.kind, by.key_id, by.grade), (Kind::Pair, b_id, Grade::Anyone));
    let by = opened(&Keyring::new(p)).unwrap();
    assert_eq!((by.kind, by.grade), (Kind::Passphrase, Grade::Held));
    assert!(by.key_id.is_anonymous());
    assert_eq!(class(opened(&Keyring::new(passphrase("q")))), ErrorClass::NoKey);
    assert_eq!(class(opened(&symmetric())), ErrorClass::NoKey);
    assert_eq!(class(opened(&Keyring::empty())), ErrorClass::NoKey);
    drop(a);
}

/// R39: who demands `held` does not get an object that anyone could have made.
#[test]
fn held_refuses_what_anyone_can_make() {
    let pair = MasterKey::generate_pair().unwrap();
    let public = Keyring::new(pair.public().unwrap().clone());
    let context = Context::new();
    let planted = keystead::encrypt(&public, b"planted", &context).unwrap();
    let keys = Keyring::new(pair).with(MasterKey::generate().unwrap());
    assert!(keystead::decrypt(&keys, &planted, &context).is_ok());
    let held = Context::unchecked().held();
    assert_eq!(class(keystead::decrypt(&keys, &planted, held)), ErrorClass::NoKey);
    let own = keystead::encrypt(&keys, b"own", &context).unwrap();
    assert_eq!(keystead::decrypt(&keys, &own, held).unwrap(), b"own");
    // A public key encrypts and opens nothing.
    assert_eq!(class(keystead::decrypt(&public, &planted, &context)), ErrorClass::NoKey);
}

/// R28: objects of one run share an enc; a fresh run and an anonymous record do not.
#[test]
fn runs_are_shared_and_fresh_where_asked() {
    let pair = MasterKey::generate_pair().unwrap();
    let public = Keyring::new(pair.public().unwrap().clone());
    let enc = |keys: &Keyring, options: &Options| {
        let object = keystead::encrypt_with(keys, b"x", &Context::new(), options).unwrap();
        // preamble, id, flags, length, generation, flags, count, kind, length, key id
        object[9 + 25 + 10 + 19..][..1_120].to_vec()
    };
    let plain = Options::new();
    assert_eq!(enc(&public, &plain), enc(&public, &plain));
    assert_ne!(enc(&public, &plain), enc(&public, &Options::new().fresh_run()));
    let anonymous = Keyring::new(MasterKey::from(pair.public().unwrap().clone()).anonymous());
    assert_ne!(enc(&anonymous, &plain), enc(&anonymous, &plain));
    let keys = Keyring::new(pair);
    for keys_of in [&public, &anonymous] {
        let object = keystead::encrypt(keys_of, b"x", &Context::new()).unwrap();
        assert_eq!(keystead::decrypt(&keys, &object, &Context::new()).unwrap(), b"x");
    }
}

/// R44, R22: a comment labels the key after it, and its records.
#[test]
fn a_key_file_labels_its_keys() {
    let (one, two) = (MasterKey::generate().unwrap(), MasterKey::generate().unwrap());
    let labelled = Keyring::new(one.with_label("vault")).with(two);
    let text = labelled.expose_file_text().unwrap();
    let back = Keyring::from_file_text(text.as_bytes()).unwrap();
    let labels = |keys: &Keyring| keys.iter().map(|k| k.label().to_owned()).collect::<Vec<_>>();
    assert_eq!(labels(&back), ["vault", ""]);
    let object = keystead::encrypt(&back, b"x", &Context::new()).unwrap();
    let found = keystead::inspect(&object, None).unwrap().records;
    assert_eq!(found[0].label.as_deref(), Some("vault"));
    assert_eq!(found[1].label, None);
    // What no record takes is a comment as any other.
    for strange in ["", &"x".repeat(65), "a\u{7}"] {
        let text = format!("# label: {strange}\n{}", &**text).replace("# label: vault\n", "");
        let keys = Keyring::from_file_text(text.as_bytes()).unwrap();
        assert_eq!(labels(&keys), ["", ""]);
    }
    // A label of more than one line is none in a file.
    let odd = Keyring::new(MasterKey::generate().unwrap().with_label("a\nb"));
    assert!(!odd.expose_file_text().unwrap().contains("label"));
}

/// R46, R18: another access list, the same body.
#[test]
fn rewrap_replaces_adds_and_drops() {
    let (old, new) = (symmetric(), symmetric());
    let context = Context::from([("a", "b")]);
    let object = keystead::encrypt(&old, &[7; 40_000], &context).unwrap();

    let replaced = keystead::rewrap(&object, &old, &context, &Changes::set(&new)).unwrap();
    assert_eq!(replaced.header.len(), replaced.old_len);
    let second = apply(&object, &replaced);
    assert_eq!(class(keystead::decrypt(&old, &second, &context)), ErrorClass::NoKey);
    assert_eq!(keystead::decrypt(&new, &second, &context).unwrap(), vec![7; 40_000]);
    assert_eq!(keystead::inspect(&second, None).unwrap().generation, 1);

    let third = Keyring::new(MasterKey::generate_pair().unwrap()).with(passphrase("p"));
    let added = keystead::rewrap(&second, &new, &context, &Changes::add(&third)).unwrap();
    let third_object = apply(&second, &added);
    for keys in [&new, &third] {
        assert!(keystead::decrypt(keys, &third_object, &context).is_ok());
    }
    let id = new.iter().next().unwrap().id();
    let dropped =
        keystead::rewrap(&third_object, &third, &context, &Changes::new().remove(id)).unwrap();
    let last = apply(&third_object, &dropped);
    assert_eq!(class(keystead::decrypt(&new, &last, &context)), ErrorClass::NoKey);
    assert!(keystead::decrypt(&third, &last, &context).is_ok());
    assert_eq!(last[dropped.header.len()..], object[replaced.old_len..]);
}

/// R46: exactly the keys of a set open afterwards. Anonymous records and the passphrase go, too.
#[test]
fn rewrap_sets_who_opens() {
    let pair = MasterKey::generate_pair().unwrap();
    let hidden = MasterKey::from(pair.public().unwrap().clone()).anonymous();
    let keys = symmetric().with(passphrase("p")).with(hidden);
    let context = Context::new();
    let object = keystead::encrypt(&keys, b"x", &context).unwrap();
    let records = |object: &[u8]| keystead::inspect(object, None).unwrap().records.len();
    assert_eq!(records(&object), 3);
    let own = Keyring::new(MasterKey::generate().unwrap());
    let set = keystead::rewrap(&object, &keys, &context, &Changes::set(&own)).unwrap();
    let after = apply(&object, &set);
    assert_eq!(records(&after), 1);
    assert_eq!(class(keystead::decrypt(&keys, &after, &context)), ErrorClass::NoKey);
    assert_eq!(keystead::decrypt(&own, &after, &context).unwrap(), b"x");

    // A key that opened already opens afterwards, too.
    let kept = keystead::rewrap(&after, &own, &context, &Changes::set(&own)).unwrap();
    assert!(keystead::decrypt(&own, &apply(&after, &kept), &context).is_ok());

    let refused =
        |changes: Changes<'_>| class(keystead::rewrap(&object, &keys, &context, &changes));
    assert_eq!(refused(Changes::set(&Keyring::empty())), ErrorClass::Usage);
    assert_eq!(refused(Changes::set(&own).remove_passphrase()), ErrorClass::Usage);
    assert_eq!(refused(Changes::set(&own).remove_record(0)), ErrorClass::Usage);

    let removed = Changes::new().remove_passphrase();
    let removed = keystead::rewrap(&object, &keys, &context, &removed).unwrap();
    let object = apply(&object, &removed);
    assert_eq!(records(&object), 2);
    let again = Changes::new().remove_passphrase();
    assert_eq!(class(keystead::rewrap(&object, &keys, &context, &again)), ErrorClass::Usage);
}

/// R46: what a rewrap refuses.
#[test]
fn rewrap_refuses_to_lock_everybody_out() {
    let keys = Keyring::new(MasterKey::generate().unwrap()).with(passphrase("p"));
    let context = Context::new();
    let object = keystead::encrypt(&keys, b"x", &context).unwrap();
    let try_it = |changes: &Changes<'_>| class(keystead::rewrap(&object, &keys, &context, changes));
    assert_eq!(try_it(&Changes::add(&keys)), ErrorClass::Usage);
    let unknown: KeyId = "00112233445566778899aabbccddeeff".parse().unwrap();
    assert_eq!(try_it(&Changes::new().remove(unknown)), ErrorClass::Usage);
    assert_eq!(try_it(&Changes::new().remove_record(0).remove_record(1)), ErrorClass::Usage);
    assert_eq!(try_it(&Changes::new().remove_record(2)), ErrorClass::Usage);
    let another = Keyring::new(passphrase("q"));
    assert_eq!(try_it(&Changes::add(&another)), ErrorClass::Usage);
    let zero = KeyId::from_bytes([0; 16]);
    assert_eq!(try_it(&Changes::new().remove(zero)), ErrorClass::Usage);
    assert_eq!(try_it(&Changes::new().header_len(12)), ErrorClass::Usage);
    let stranger = symmetric();
    let refused = keystead::rewrap(&object, &stranger, &context, &Changes::new());
    assert_eq!(class(refused), ErrorClass::NoKey);
    // The commitment is checked too, so a header alone is not enough.
    let cut = &object[..SealedHeader::parse(&object).unwrap().len()];
    assert_eq!(class(keystead::rewrap(cut, &keys, &context, &Changes::new())), ErrorClass::Auth);
}

/// R39, R46: what anyone could have made is not made to look as if a holder had, unless he says so.
#[test]
fn a_rewrap_does_not_vouch_by_itself() {
    let pair = MasterKey::generate_pair().unwrap();
    let public = Keyring::new(pair.public().unwrap().clone());
    let context = Context::new();
    let planted = keystead::encrypt(&public, b"planted", &context).unwrap();
    let (keys, own) = (Keyring::new(pair), symmetric());
    let adopt = |changes: &Changes<'_>| keystead::rewrap(&planted, &keys, &context, changes);
    assert_eq!(class(adopt(&Changes::set(&own))), ErrorClass::Usage);
    assert_eq!(class(adopt(&Changes::add(&Keyring::new(passphrase("p"))))), ErrorClass::Usage);
    assert!(adopt(&Changes::add(&Keyring::new(MasterKey::generate_pair().unwrap()))).is_ok());
    let vouched = apply(&planted, &adopt(&Changes::set(&own).vouch()).unwrap());
    assert_eq!(keystead::decrypt(&own, &vouched, Context::unchecked().held()).unwrap(), b"planted");
}

/// R46, R19: a rewrap keeps the location, moves it, or takes it away.
#[test]
fn rewrap_moves_the_location() {
    let keys = symmetric();
    let options = Options::new().location("s", "old");
    let object = keystead::encrypt_with(&keys, b"x", &Context::new(), &options).unwrap();
    let at = |object: &[u8], path| {
        keystead::decrypt(&keys, object, Context::unchecked().at("s", path)).is_ok()
    };
    let change = |changes: &Changes<'_>| {
        let done = keystead::rewrap(&object, &keys, Context::unchecked(), changes).unwrap();
        apply(&object, &done)
    };
    assert!(at(&change(&Changes::new()), "old"));
    let moved = change(&Changes::new().location("s", "new"));
    assert!(at(&moved, "new") && !at(&moved, "old"));
    let free = change(&Changes::new().no_location());
    assert!(!at(&free, "old"));
    assert!(keystead::decrypt(&keys, &free, Context::unchecked()).is_ok());
}

/// R38: an older header, another object and a burnt counter are named.
#[test]
fn the_floor_names_a_rollback() {
    let (keys, revoked) = (symmetric(), MasterKey::generate().unwrap());
    let context = Context::new();
    let revoked_id = revoked.id();
    let both = Keyring::new(revoked);
    let object = keystead::encrypt(&both, b"x", &context).unwrap();
    let done = keystead::rewrap(&object, &both, &context, &Changes::set(&keys)).unwrap();
    let current = apply(&object, &done);
    let floor = done.floor;
    let expect = |object: &[u8], keys: &Keyring, floor: Floor| {
        keystead::decrypt(keys, object, Context::unchecked().not_before(floor))
    };
    assert!(expect(&current, &keys, floor).is_ok());
    assert_eq!(class(expect(&object, &both, floor)), ErrorClass::Rollback);
    let later = keystead::rewrap(&current, &keys, &context, &Changes::new()).unwrap();
    assert!(expect(&apply(&current, &later), &keys, floor).is_ok());
    let same_generation = Floor { tag: [0; 32], ..floor };
    assert_eq!(class(expect(&current, &keys, same_generation)), ErrorClass::Rollback);
    let other = Floor { commitment: [0; 32], ..floor };
    assert_eq!(class(expect(&current, &keys, other)), ErrorClass::Rollback);
    let (_, details) = keystead::decrypt_with_details(&keys, &current, &context).unwrap();
    assert_eq!(details.floor, floor);
    // Kept as text, it demands the same.
    let kept: Floor = floor.to_string().parse().unwrap();
    assert_eq!(class(expect(&object, &both, kept)), ErrorClass::Rollback);
    assert!(expect(&current, &keys, kept).is_ok());
    assert!(!revoked_id.is_anonymous());
}

/// R38: who makes an object knows its floor before anybody stores it.
#[test]
fn the_encryptor_knows_the_floor() {
    let keys = symmetric();
    let mut out = keystead::Encryptor::new(Vec::new(), &keys, &Context::new()).unwrap();
    let floor = out.floor();
    std::io::Write::write_all(&mut out, &[7; 40_000]).unwrap();
    assert_eq!(out.floor(), floor);
    let object = out.finish().unwrap();
    let (_, details) = keystead::decrypt_with_details(&keys, &object, &Context::new()).unwrap();
    assert_eq!(details.floor, floor);
}

/// R47: re-encryption keeps context and metadata and nothing else.
#[test]
fn reencrypt_makes_another_object() {
    let (old, new) = (symmetric(), symmetric());
    let context = Context::from([("a", "b")]);
    let metadata = Metadata::new().with(Metadata::NAME, "n");
    let options = Options::new().metadata(metadata.clone());
    let object = keystead::encrypt_with(&old, &[9; 20_000], &context, &options).unwrap();
    let made = keystead::reencrypt(&object[..], &old, &context, &new, &Options::new(), Vec::new())
        .unwrap()
        .out;
    let (text, details) = keystead::decrypt_with_details(&new, &made, &context).unwrap();
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
    let keys = Keyring::new(MasterKey::generate().unwrap().with_label("laptop"))
        .with(passphrase("p"))
        .with(MasterKey::generate_pair().unwrap().anonymous());
    let context = Context::from([("tenant", "acme")]);
    let object = keystead::encrypt(&keys, &[0; 1_000], &context).unwrap();
    let seen = keystead::inspect(&object, u64::try_from(object.len()).ok()).unwrap();
    assert_eq!(seen.plaintext_len, Some(1_000));
    assert_eq!(seen.stated_plaintext_len, Some(1_000));
    assert_eq!(seen.context["tenant"], "acme");
    let kinds: Vec<_> = seen.records.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, ["symmetric", "passphrase", "pair"]);
    assert_eq!(seen.records[0].label.as_deref(), Some("laptop"));
    assert_eq!(seen.records[0].key_id, Some(keys.iter().next().unwrap().id()));
    assert_eq!(seen.records[1].argon2id, Some(PassphraseCosts::FLOOR));
    assert_eq!(seen.records[2].key_id, None);
    assert!(serde_json::to_string(&seen).unwrap().contains("\"tenant\":\"acme\""));
}

/// R29: the most that a reader spends, before memory is taken.
#[test]
fn a_costly_passphrase_record_is_a_limit() {
    let costs = PassphraseCosts { memory_kib: 19_456, passes: 11, lanes: 1 };
    let writer = Keyring::new(passphrase("p").with_passphrase_costs(costs));
    let object = keystead::encrypt(&writer, b"x", &Context::new()).unwrap();
    let reader = Keyring::new(MasterKey::passphrase("p").unwrap());
    let error = keystead::decrypt(&reader, &object, &Context::new()).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Limit);
    assert!(error.hint().unwrap().contains("with_passphrase_ceiling"));
    // A lower ceiling does not lift the limit on memory times passes.
    let heavy = PassphraseCosts { memory_kib: 500_000, passes: 10, lanes: 1 };
    let mut dear =
        keystead::encrypt(&Keyring::new(passphrase("p")), b"x", &Context::new()).unwrap();
    let costs_at = 9 + 25 + 10 + 3 + 16 + 16;
    dear[costs_at..costs_at + 4].copy_from_slice(&heavy.memory_kib.to_be_bytes());
    dear[costs_at + 4..costs_at + 8].copy_from_slice(&heavy.passes.to_be_bytes());
    let lower = PassphraseCosts { memory_kib: 600_000, ..PassphraseCosts::CEILING };
    for ceiling in [PassphraseCosts::CEILING, lower] {
        let key = MasterKey::passphrase("p").unwrap().with_passphrase_ceiling(ceiling);
        let refused = keystead::decrypt(&Keyring::new(key), &dear, &Context::new());
        assert_eq!(class(refused), ErrorClass::Limit);
    }
    let raised = MasterKey::passphrase("p").unwrap().with_passphrase_ceiling(costs);
    assert!(keystead::decrypt(&Keyring::new(raised), &object, &Context::new()).is_ok());
}

/// R44: an encrypted key file opens with its passphrase, and nothing else passes for one.
#[test]
fn encrypted_key_files() {
    let keys = Keyring::new(MasterKey::generate_pair().unwrap());
    let file =
        keystead::encrypt_key_file(&keys.expose_file_text().unwrap(), passphrase("p")).unwrap();
    let read = |bytes: &[u8], p: &str| keystead::read_key_file(bytes, || MasterKey::passphrase(p));
    let again = read(file.as_bytes(), "p").unwrap();
    assert_eq!(again.iter().next().unwrap().id(), keys.iter().next().unwrap().id());
    assert_eq!(class(read(file.as_bytes(), "q")), ErrorClass::NoKey);
    let binary = keystead::dearmor(file.as_bytes()).unwrap();
    assert!(read(&binary, "p").is_ok());
    let other = keystead::encrypt(&Keyring::new(passphrase("p")), b"x", &Context::new()).unwrap();
    assert_eq!(class(read(&other, "p")), ErrorClass::KeyFile);
    assert_eq!(class(read(&vec![b'#'; 1_048_577], "p")), ErrorClass::Limit);
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
            assert_eq!(class(MasterKey::from_text(&typo)), ErrorClass::KeyFile, "{at}");
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
        assert_eq!(class(MasterKey::from_text(text)), ErrorClass::KeyFile, "{text}");
        assert_eq!(class(Keyring::from_file_text(text.as_bytes())), ErrorClass::KeyFile, "{text}");
    }
    let pair = MasterKey::generate_pair().unwrap();
    let public = pair.public().unwrap().to_text();
    let parsed = MasterKey::from_text(&public).unwrap();
    assert_eq!((parsed.id(), parsed.opens()), (pair.id(), false));
    assert_eq!(class(parsed.expose_secret_text()), ErrorClass::Usage);
}
