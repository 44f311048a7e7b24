//! Recognizes what mail programs and editors do to armor, for the hint of an object or a key file
//! that does not parse.

/// How armor begins and ends (SPEC R45).
pub(crate) const BEGIN: &[u8] = b"-----BEGIN KEYSTEAD OBJECT-----";
const END: &[u8] = b"-----END KEYSTEAD OBJECT-----";

/// Returns what happened to the armor that begins somewhere in these bytes, and what to do. Returns
/// nothing where there is no armor, or nothing is wrong with what is seen of it.
pub(crate) fn hint_for(start: &[u8]) -> Option<&'static str> {
    if is_utf16(start) {
        return Some("it is armor in UTF-16: save it as UTF-8, without a byte order mark");
    }
    let at = start.windows(BEGIN.len()).position(|part| part == BEGIN)?;
    let before = &start[..at];
    if before == b"\xef\xbb\xbf" {
        return Some("it begins with a byte order mark: save it as UTF-8 without one");
    }
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.trim_ascii_start().starts_with(b">") {
        return Some(
            "the armor is quoted as in a reply to a mail: delete the > in front of each line",
        );
    }
    if !before.trim_ascii().is_empty() {
        return Some("the armor begins later in this file: delete what is before its BEGIN line");
    }
    // A signature after the armor has lines of its own.
    let armor = &start[at..];
    let end = armor.windows(END.len()).position(|part| part == END);
    hint_for_lines(&armor[..end.unwrap_or(armor.len())], line)
}

/// Looks at the first lines of armor. `indent` is what precedes the first.
fn hint_for_lines(armor: &[u8], indent: &[u8]) -> Option<&'static str> {
    if !armor.contains(&b'\n') {
        return Some("its line breaks are gone: get it again from its source, as a file");
    }
    // The last line may be cut.
    let whole = armor.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let whole = || armor[..whole].split(|byte| *byte == b'\n');
    let ends = |line: &[u8]| line.strip_suffix(b"\r").unwrap_or(line).last().copied();
    if whole().any(|line| matches!(ends(line), Some(b' ' | b'\t'))) {
        return Some("its lines end in white space: delete it, or get the object as a file");
    }
    let second = whole().nth(1).unwrap_or_default();
    if matches!(second.first(), Some(b' ' | b'\t')) || !indent.is_empty() && second.len() > 64 {
        return Some("its lines are indented: delete the white space in front of each");
    }
    let crlf = whole().filter(|line| line.ends_with(b"\r")).count();
    if crlf > 0 && crlf < whole().count() {
        return Some("some of its lines end in CR LF and some in LF: make them all alike");
    }
    if armor.windows(3).any(|part| part == b"=3D") {
        return Some(
            "it is the source of a mail (quoted-printable): save the decoded text or the attachment",
        );
    }
    None
}

/// Returns whether the bytes are UTF-16 text with armor in it.
fn is_utf16(start: &[u8]) -> bool {
    let marked = start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]);
    let text: Vec<u8> = start.iter().filter(|byte| **byte != 0).copied().collect();
    (marked || start.contains(&0)) && text.windows(BEGIN.len()).any(|part| part == BEGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_to_armor_is_recognized() {
        let key = keystead::MasterKey::generate().unwrap();
        let recipients = keystead::Recipients::from(&key);
        let object = keystead::encrypt(&recipients, &[7; 200], &keystead::Context::new()).unwrap();
        let armor = keystead::armor(&object);
        let each = |form: &dyn Fn(&str) -> String| {
            armor.lines().map(|line| format!("{}\n", form(line))).collect::<String>().into_bytes()
        };
        let utf16 = |bytes: fn(u16) -> [u8; 2]| armor.encode_utf16().flat_map(bytes).collect();
        let cases: Vec<(Vec<u8>, &str)> = vec![
            (each(&|line| format!("> {line}")), "quoted"),
            (format!("On Monday, Bob wrote:\n> > {armor}").into_bytes(), "quoted"),
            (format!("\u{feff}{armor}").into_bytes(), "byte order mark"),
            (utf16(u16::to_le_bytes), "UTF-16"),
            (utf16(u16::to_be_bytes), "UTF-16"),
            (format!("Hi,\n\n{armor}").into_bytes(), "delete what is before"),
            (each(&|line| format!("    {line}")), "indented"),
            (each(&|line| format!("{line} ")), "end in white space"),
            (armor.replacen('\n', "\r\n", 2).into_bytes(), "CR LF"),
            (armor.replace('\n', "").into_bytes(), "line breaks"),
            (armor.replace('\n', "=3D\n").into_bytes(), "quoted-printable"),
        ];
        for (text, part) in cases {
            let hint = hint_for(&text).unwrap_or("none");
            assert!(hint.contains(part), "{part}: {hint}");
            assert!(!keystead::is_armored(&text) || keystead::dearmor(&text[..]).is_err());
        }
        assert_eq!(hint_for(armor.as_bytes()), None);
        assert_eq!(hint_for(armor.replace('\n', "\r\n").as_bytes()), None);
        assert_eq!(hint_for(b"hello"), None);
    }
}
