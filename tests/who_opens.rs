//! What a change of recipients says of who can open the object is read back from the object, with
//! every key there is (SPEC R46, R54).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where it stands")]

use std::sync::LazyLock;

use keystead::{
    Changes, Context, EncryptOptions, Error, ErrorKind, Evidence, Keys, MasterKey, PassphraseCosts,
    Recipient, Recipients, RecordInspection, Rewrapped,
};

/// One who may hold a key: a symmetric one or a pair.
struct Person {
    keys: Keys,
    recipient: Recipient,
}

static PEOPLE: LazyLock<Vec<Person>> = LazyLock::new(|| {
    (0..6)
        .map(|number| {
            let key = match number % 2 {
                0 => MasterKey::generate().unwrap(),
                _ => MasterKey::generate_pair().unwrap(),
            };
            Person { recipient: Recipient::from(&key), keys: key.into() }
        })
        .collect()
});

fn passphrase(text: &str) -> Recipient {
    let key = MasterKey::passphrase(text).unwrap();
    Recipient::from(&key).with_passphrase_costs(PassphraseCosts::FLOOR)
}

fn kind<T: std::fmt::Debug>(result: keystead::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

fn rewrap(object: &mut Vec<u8>, keys: &Keys, changes: &Changes<'_>) -> keystead::Result<Rewrapped> {
    let rewrapped = keystead::rewrap(object, keys, Context::unchecked(), changes)?;
    rewrapped.apply(object)?;
    Ok(rewrapped)
}

fn opens(object: &[u8], person: &Person) -> bool {
    match keystead::decrypt(&person.keys, object, Context::unchecked()) {
        Ok(_) => true,
        Err(Error::NoKey(_) | Error::Auth) => false,
        Err(error) => panic!("{error}"),
    }
}

fn is_of(way: &RecordInspection, person: &Person) -> bool {
    way.key_id == Some(person.recipient.id())
}

/// A generator that repeats with its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(n).unwrap()).unwrap()
    }

    fn people(&mut self) -> Recipients {
        let mut chosen = Recipients::new();
        while chosen.is_empty() {
            for person in PEOPLE.iter() {
                match self.below(4) {
                    0 => chosen.push(person.recipient.clone()),
                    1 => chosen.push(person.recipient.clone().anonymous()),
                    _ => {}
                }
            }
        }
        chosen
    }

    /// Takes some random step, with `mine`, from an object that they open.
    fn step(&mut self, object: &mut Vec<u8>, mine: &Keys) -> Step {
        let recipients = self.people();
        let one = PEOPLE[self.below(PEOPLE.len())].recipient.id();
        let changes = match self.below(5) {
            0 => Changes::add(&recipients),
            1 => Changes::set(&recipients),
            2 => Changes::new().remove_if_there(one),
            3 => Changes::add(&recipients).remove_if_there(one),
            _ => return self.reencrypt(object, mine, &recipients),
        };
        match rewrap(object, mine, &changes.vouch()) {
            Ok(rewrapped) => Step::Rewrapped(Box::new(rewrapped)),
            Err(Error::Usage(_) | Error::Limit(_)) => Step::Refused,
            Err(error) => panic!("{error}"),
        }
    }

    fn reencrypt(&mut self, object: &mut Vec<u8>, mine: &Keys, recipients: &Recipients) -> Step {
        let mut new = Vec::new();
        let options = EncryptOptions::new().vouch();
        let expected = Context::unchecked();
        keystead::reencrypt(&object[..], mine, expected, recipients, &options, &mut new).unwrap();
        *object = new;
        Step::Reencrypted
    }
}

enum Step {
    Rewrapped(Box<Rewrapped>),
    Reencrypted,
    Refused,
}

fn random_histories(histories: u64, steps: usize) {
    let everyone: Keys =
        PEOPLE.iter().fold(Keys::new(), |all, person| all.and(person.keys.clone()));
    for seed in 1..=histories {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let recipients = dice.people();
        let mut object = keystead::encrypt(&recipients, b"x", &Context::new()).unwrap();
        for step in 0..steps {
            let Step::Rewrapped(rewrapped) = dice.step(&mut object, &everyone) else { continue };
            // Everybody is honest and every key is at hand, so nothing is only claimed.
            let ways = rewrapped.who_opens();
            assert!(ways.iter().all(|way| way.evidence != Evidence::Claimed), "{seed} {step}");
            for person in PEOPLE.iter() {
                let said = ways.iter().any(|way| is_of(way, person));
                assert_eq!(said, opens(&object, person), "{seed}, step {step}");
            }
        }
    }
}

#[test]
fn what_is_said_is_who_opens() {
    random_histories(20, 50);
}

#[test]
#[ignore = "minutes; the long form runs it"]
fn what_is_said_is_who_opens_in_10_000_histories() {
    random_histories(10_000, 200);
}

/// A former holder has the data key, and can write any list of records.
fn written_by_a_former_holder(object: &mut [u8], dice: &mut Dice) {
    let before = keystead::inspect(object, None).unwrap();
    let victim = dice.below(before.records.len());
    // Over a wrap of their own goes the key id of somebody else.
    let theirs = PEOPLE[dice.below(PEOPLE.len())].recipient.id();
    forge_key_id(object, victim, theirs.as_bytes());
}

/// Where the records begin, with a stated length and no context.
const RECORDS: usize = 9 + 25 + 10;

/// Writes another key id into a record, and a header tag that fits, as one can who has the data key.
fn forge_key_id(object: &mut [u8], position: usize, id: &[u8; 16]) {
    let everyone: Keys =
        PEOPLE.iter().fold(Keys::new(), |all, person| all.and(person.keys.clone()));
    let sealed = keystead::SealedHeader::parse(object).unwrap();
    let Ok(opened) = sealed.unwrap(&everyone, Context::unchecked()) else { return };
    let data_key = keystead::hazmat::expose_data_key(&opened);
    let len = sealed.len();
    let inspected = keystead::inspect(object, None).unwrap();
    let before: usize = inspected.records[..position].iter().map(|record| record.len).sum();
    let at = RECORDS + before + 3;
    let old: [u8; 16] = object[at..at + 16].try_into().unwrap();
    object[at..at + 16].copy_from_slice(id);
    // Not every such list is a header: an id is there once.
    if keystead::SealedHeader::parse(object).is_err() {
        object[at..at + 16].copy_from_slice(&old);
        return;
    }
    let hash = ring::digest::digest(&ring::digest::SHA256, &object[..len - 32]);
    let prk = ring::hkdf::Prk::new_less_safe(ring::hkdf::HKDF_SHA512, &data_key[..]);
    let info = [&b"keystead/v1/header\0"[..], hash.as_ref()];
    let tag = prk.expand(&info, ring::hkdf::HKDF_SHA256).unwrap();
    tag.fill(&mut object[len - 32..len]).unwrap();
}

fn dishonest_histories(histories: u64, steps: usize) {
    for seed in 1..=histories {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let me = &PEOPLE[dice.below(PEOPLE.len())];
        let recipients = dice.people().and(me.recipient.clone());
        let mut object = keystead::encrypt(&recipients, b"x", &Context::new()).unwrap();
        for step in 0..steps {
            written_by_a_former_holder(&mut object, &mut dice);
            let wanted = dice.people().and(me.recipient.clone());
            let id = wanted.iter().next().unwrap().id();
            let changes = match dice.below(3) {
                0 => Changes::set(&wanted),
                1 => Changes::add(&wanted),
                _ => Changes::new().remove_if_there(id),
            };
            let is_set = format!("{changes:?}").contains("set: true");
            let Ok(rewrapped) = rewrap(&mut object, &me.keys, &changes.vouch()) else { break };
            let ways = rewrapped.who_opens();
            for person in PEOPLE.iter() {
                let opens = opens(&object, person);
                let known = |way: &&RecordInspection| way.evidence != Evidence::Claimed;
                if ways.iter().filter(known).any(|way| is_of(way, person)) {
                    assert!(opens, "{seed}, step {step}: said to open");
                }
                if is_set {
                    let wanted = wanted.iter().any(|r| r.id() == person.recipient.id());
                    assert_eq!(wanted, opens, "{seed}, step {step}: exactly these");
                }
            }
            if is_set {
                assert!(ways.iter().all(|way| way.evidence != Evidence::Claimed));
            }
        }
    }
}

/// Whatever former holders wrote: what is only claimed is not called more, and after *set* exactly
/// those given open.
#[test]
fn what_is_claimed_is_not_called_more() {
    dishonest_histories(20, 20);
}

#[test]
#[ignore = "minutes; the long form runs it"]
fn what_is_claimed_is_not_called_more_in_10_000_histories() {
    dishonest_histories(10_000, 200);
}

/// Removing a key takes its anonymous records too where the key is at hand; where it is not, they
/// are listed as what they are.
#[test]
fn an_anonymous_record_of_a_removed_key_is_not_overlooked() {
    let [me, bob] = [&PEOPLE[0], &PEOPLE[1]];
    let both = Recipients::from(me.recipient.clone()).and(bob.recipient.clone());
    let hidden = Recipients::from(me.recipient.clone()).and(bob.recipient.clone().anonymous());
    let mut planted = keystead::encrypt(&hidden, b"x", &Context::new()).unwrap();
    // Who has only the public key does not see that it is there already.
    let added = rewrap(&mut planted, &me.keys, &Changes::add(&both)).unwrap();
    assert_eq!(added.who_opens().len(), 3);
    let id = bob.recipient.id();
    for (mine, left) in [(me.keys.clone(), 2), (me.keys.clone().and(bob.keys.clone()), 1)] {
        let mut object = planted.clone();
        let removed = rewrap(&mut object, &mine, &Changes::new().remove(id)).unwrap();
        assert_eq!(removed.who_opens().len(), left);
        let anonymous: Vec<_> = removed.who_opens().iter().filter(|way| way.anonymous).collect();
        assert_eq!(anonymous.len(), left - 1);
        assert!(anonymous.iter().all(|way| way.evidence == Evidence::Claimed));
        assert_eq!(opens(&object, bob), left == 2);
    }
    let alone = Recipients::from(me.recipient.clone());
    let set = rewrap(&mut planted, &me.keys, &Changes::set(&alone)).unwrap();
    assert_eq!(set.who_opens()[0].evidence, Evidence::OpenedHere);
    assert!(!opens(&planted, bob));
}

/// R46: an added key that is there changes nothing, whether it is named, anonymous or a passphrase.
#[test]
fn what_is_there_already_changes_nothing() {
    let [me, bob] = [&PEOPLE[0], &PEOPLE[1]];
    let all = Recipients::from(me.recipient.clone())
        .and(bob.recipient.clone().anonymous())
        .and(passphrase("p").with_label("for the phone"));
    let mut object = keystead::encrypt(&all, b"x", &Context::new()).unwrap();
    let mine = me.keys.clone().and(bob.keys.clone()).and(MasterKey::passphrase("p").unwrap());
    let old = object.clone();
    for changes in [Changes::new(), Changes::add(&all), Changes::set(&all)] {
        let rewrapped = rewrap(&mut object, &mine, &changes).unwrap();
        assert!(!rewrapped.changed && object == old);
        assert_eq!(rewrapped.floor.generation, 0);
        assert!(rewrapped.removed.is_empty());
        let ways = rewrapped.who_opens();
        assert!(ways.iter().all(|way| way.evidence == Evidence::OpenedHere));
        assert_eq!(ways[1].key_id, Some(bob.recipient.id()));
    }
    // It opens the record, though it was not given to open with.
    let phone = Recipients::from(passphrase("p"));
    assert!(!rewrap(&mut object, &me.keys, &Changes::add(&phone)).unwrap().changed);
    let other = Recipients::from(passphrase("q"));
    assert_eq!(kind(rewrap(&mut object, &mine, &Changes::add(&other))), ErrorKind::Usage);
    let changes = Changes::add(&other).remove_passphrase();
    assert!(rewrap(&mut object, &me.keys, &changes).unwrap().changed);
    let with = |text: &str| Keys::from(MasterKey::passphrase(text).unwrap());
    assert_eq!(kind(keystead::decrypt(&with("p"), &object, &Context::new())), ErrorKind::NoKey);
    assert!(keystead::decrypt(&with("q"), &object, &Context::new()).is_ok());
    // Of two passphrases each is tried.
    let both = with("p").and(with("q"));
    assert!(keystead::decrypt(&both, &object, &Context::new()).is_ok());
    // Another label or name is another record.
    let labelled = Recipients::from(me.recipient.clone().with_label("desk"));
    let set = rewrap(&mut object, &mine, &Changes::set(&labelled)).unwrap();
    assert_eq!((set.who_opens()[0].evidence, set.who_opens().len()), (Evidence::MadeNow, 1));
    assert_eq!(set.removed.len(), 3);
}

/// A record that has a key's id and does not open with it is made anew where that can be known.
#[test]
fn a_forged_record_does_not_stand_for_its_key() {
    let [me, other, bob, stranger] = [&PEOPLE[0], &PEOPLE[2], &PEOPLE[1], &PEOPLE[3]];
    for (victim, secret_given) in [(other, true), (bob, true), (bob, false)] {
        let written =
            if victim.recipient.kind() == bob.recipient.kind() { stranger } else { &PEOPLE[4] };
        let both = Recipients::from(me.recipient.clone()).and(written.recipient.clone());
        let mut object = keystead::encrypt(&both, b"x", &Context::new()).unwrap();
        forge_key_id(&mut object, 1, victim.recipient.id().as_bytes());
        assert!(!opens(&object, victim));
        let mine = match secret_given {
            true => me.keys.clone().and(victim.keys.clone()),
            false => me.keys.clone(),
        };
        let wanted = Recipients::from(victim.recipient.clone());
        let added = rewrap(&mut object, &mine, &Changes::add(&wanted).vouch()).unwrap();
        // With a public key alone, nobody can know: it is claimed.
        assert_eq!(opens(&object, victim), secret_given);
        let evidence = if secret_given { Evidence::MadeNow } else { Evidence::Claimed };
        assert_eq!(added.who_opens()[1].evidence, evidence);
        assert_eq!(added.who_opens().len(), 2);
        rewrap(
            &mut object,
            &me.keys,
            &Changes::set(&both.clone().and(victim.recipient.clone())).vouch(),
        )
        .unwrap();
        assert!(opens(&object, victim) && opens(&object, written));
    }
}

/// A holder's record counts wherever it is in the list, so that nobody can make an owner vouch by
/// putting another before it.
#[test]
fn the_order_of_records_demands_no_vouching() {
    let [me, pair] = [&PEOPLE[0], &PEOPLE[1]];
    let recipients = Recipients::from(pair.recipient.clone()).and(me.recipient.clone());
    let mut object = keystead::encrypt(&recipients, b"x", &Context::new()).unwrap();
    let (mine, other) = (pair.keys.clone().and(me.keys.clone()), &PEOPLE[2]);
    let more = Recipients::from(other.recipient.clone());
    let alone = rewrap(&mut object.clone(), &pair.keys, &Changes::add(&more));
    assert_eq!(kind(alone), ErrorKind::Usage);
    rewrap(&mut object, &mine, &Changes::add(&more)).unwrap();
    assert!(opens(&object, other));
}

/// A removal that could overlook an anonymous record is refused.
#[test]
fn a_removal_tries_every_anonymous_record_or_none() {
    let me = &PEOPLE[0];
    let crowd: Vec<_> = (0..60).map(|_| MasterKey::generate().unwrap()).collect();
    let hidden = crowd[..18].iter().map(|key| Recipient::from(key).anonymous());
    let mut recipients: Recipients = hidden.collect();
    recipients.push(me.recipient.clone());
    recipients.push(&crowd[0]);
    let mut object = keystead::encrypt(&recipients, b"x", &Context::new()).unwrap();
    let mine = crowd.iter().fold(me.keys.clone(), |all, key| all.and(key));
    let refused = rewrap(&mut object, &mine, &Changes::new().remove(crowd[1].id()));
    assert_eq!(kind(refused), ErrorKind::Limit);
    let fewer = me.keys.clone().and(&crowd[1]);
    let removed = rewrap(&mut object, &fewer, &Changes::new().remove(crowd[1].id())).unwrap();
    assert_eq!(removed.removed[0].evidence, Evidence::OpenedHere);
}

/// R47: what anyone could have made does not become what a holder made by encrypting it again.
#[test]
fn reencrypting_does_not_vouch_by_itself() {
    let pair = MasterKey::generate_pair().unwrap();
    let public = Recipients::from(pair.public().unwrap());
    let planted = keystead::encrypt(&public, b"planted", &Context::new()).unwrap();
    let (mine, own) = (Keys::from(&pair), Keys::from(MasterKey::generate().unwrap()));
    let again = |recipients: &Recipients, options: EncryptOptions| {
        let expected = Context::unchecked();
        keystead::reencrypt(&planted[..], &mine, expected, recipients, &options, Vec::new())
            .map(|made| made.new.out)
    };
    let refused = again(&own.recipients(), EncryptOptions::new());
    assert_eq!(kind(refused), ErrorKind::Usage);
    let refused = again(&passphrase("p").into(), EncryptOptions::new());
    assert_eq!(kind(refused), ErrorKind::Usage);
    assert!(again(&public, EncryptOptions::new()).is_ok());
    let vouched = again(&own.recipients(), EncryptOptions::new().vouch()).unwrap();
    let expected = Context::unchecked().require_holder();
    assert_eq!(keystead::decrypt(&own, &vouched, expected).unwrap(), b"planted");
}
