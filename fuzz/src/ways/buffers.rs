//! Whole objects in memory: nothing is released unless every chunk opened.

use keystead::{ErrorKind, PlaintextBuffer};

use super::{FILL, Seen, agree, agree_on_details, is_clean, same_bytes, threads};
use crate::choices::Choices;

pub(super) fn check(seen: &Seen<'_>, c: &mut Choices<'_>) {
    new_buffer(seen);
    in_place(seen);
    let room = c.below(3);
    into_buffer(seen, "decrypt_into", room, |keys, object, expected, out| {
        keystead::decrypt_into(keys, object, expected, out)
    });
    let (room, threads) = (c.below(3), threads(c));
    into_buffer(seen, "decrypt_into by threads", room, |keys, object, expected, out| {
        keystead::decrypt_into(keys, object, expected.threads(threads), out)
    });
    plaintext_buffer(seen, threads);
}

fn new_buffer(seen: &Seen<'_>) {
    let (case, keys) = (seen.case, &seen.case.ring.ring);
    let got = keystead::decrypt(keys, &case.object, case.demand.expected());
    agree("decrypt", &got, seen.whole().map(|_| ()));
    let detailed = keystead::decrypt_with_info(keys, &case.object, case.demand.expected());
    agree("decrypt_with_info", &detailed, seen.whole().map(|_| ()));
    if let (Ok(opened), Ok(text), Ok(again)) = (seen.whole(), got, detailed) {
        same_bytes("decrypt", &text, &opened.released);
        same_bytes("decrypt_with_info", &again.plaintext, &opened.released);
        agree_on_details("decrypt_with_info", &again.info, &opened.told);
    }
}

/// After an error the buffer is as it was, or empty where a chunk failed.
fn in_place(seen: &Seen<'_>) {
    let case = seen.case;
    let mut buffer = case.object.clone();
    let expected = case.demand.expected();
    let got = keystead::decrypt_in_place(&case.ring.ring, &mut buffer, expected);
    agree("decrypt_in_place", &got, seen.whole().map(|_| ()));
    match (seen.whole(), seen.opened()) {
        (Ok(opened), _) => same_bytes("decrypt_in_place", &buffer, &opened.released),
        (_, Ok(opened)) if opened.known.is_some() => {
            assert!(buffer.is_empty(), "decrypt_in_place: a chunk failed");
        }
        _ => same_bytes("decrypt_in_place, before a chunk", &buffer, &case.object),
    }
}

/// `room`: just enough, more, or too little.
fn into_buffer(
    seen: &Seen<'_>,
    way: &str,
    room: usize,
    decrypt: impl Fn(
        &keystead::Keys,
        &[u8],
        keystead::Expected<'_>,
        &mut [u8],
    ) -> keystead::Result<usize>,
) {
    let case = seen.case;
    let known = seen.opened().ok().and_then(|opened| opened.known.as_ref());
    let needed = known.map_or(case.object.len(), |known| known.plaintext_len);
    let len = [needed, needed + 100, needed.saturating_sub(1)][room];
    let mut out = vec![FILL; len];
    let got = decrypt(&case.ring.ring, &case.object, case.demand.expected(), &mut out);
    if known.is_some() && len < needed {
        // The room is looked at before a chunk is.
        agree(way, &got, Err(ErrorKind::Usage));
        assert!(out.iter().all(|byte| *byte == FILL), "{way}: too small, and written to");
        return;
    }
    agree(way, &got, seen.whole().map(|_| ()));
    match (seen.whole(), got) {
        (Ok(opened), Ok(len)) => {
            same_bytes(way, &out[..len], &opened.released);
            assert!(out[len..].iter().all(|byte| *byte == FILL), "{way}: wrote after the text");
        }
        _ => assert!(is_clean(&out), "{way}: plaintext is left after an error"),
    }
}

fn plaintext_buffer(seen: &Seen<'_>, threads: keystead::Threads) {
    let (case, way) = (seen.case, "PlaintextBuffer");
    let (object, expected) = (case.object.clone(), case.demand.expected());
    let got = PlaintextBuffer::decrypt(&case.ring.ring, object, expected.threads(threads));
    agree(way, &got, seen.whole().map(|_| ()));
    if let (Ok(opened), Ok(buffer)) = (seen.whole(), got) {
        let text = buffer.pieces().collect::<Vec<_>>().concat();
        same_bytes(way, &text, &opened.released);
        agree_on_details(way, buffer.info(), &opened.told);
    }
}
