//! Messages are those of Go's `regexp.Compile`, matches those of RE2.

use super::{check, is_valid, matches_whole};

#[test]
fn go_names_what_it_cannot_read() {
    let cases = [
        ("a(b", "missing closing ): `a(b`"),
        ("a)b", "unexpected ): `a)b`"),
        ("[a", "missing closing ]: `[a`"),
        ("[", "missing closing ]: `[`"),
        ("x[]a", "missing closing ]: `[]a`"),
        ("*", "missing argument to repetition operator: `*`"),
        ("a|*b", "missing argument to repetition operator: `*`"),
        ("(+?)", "missing argument to repetition operator: `+?`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a*+?b", "invalid nested repetition operator: `*+?`"),
        (r"a\", "trailing backslash at end of expression: ``"),
        (r"\q", r"invalid escape sequence: `\q`"),
        (r"\C", r"invalid escape sequence: `\C`"),
        (r"\8", r"invalid escape sequence: `\8`"),
        (r"\1", r"invalid escape sequence: `\1`"),
        (r"\xg", r"invalid escape sequence: `\xg`"),
        (r"\x{110000}", r"invalid escape sequence: `\x{110000`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("[[:nope:]]", "invalid character class range: `[:nope:]`"),
        (r"\p{Nope}", r"invalid character class range: `\p{Nope}`"),
        ("(?<n", "invalid named capture: `(?<n`"),
        ("(?P<n-m>a)", "invalid named capture: `(?P<n-m>`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{3,2}", "invalid repeat count: `{3,2}`"),
        ("(a{100}){11}", "invalid repeat count: `{11}`"),
    ];
    for (pattern, message) in cases {
        let expected = format!("error parsing regexp: {message}");
        assert_eq!(check(pattern), Err(expected), "{pattern}");
    }
}

#[test]
fn look_alikes_of_mistakes_are_read() {
    for pattern in [
        "",
        "a(b)",
        "[]a]",
        "[^]a]",
        "a{,2}",
        "a{2",
        "{",
        "a{01}",
        "(?i)a",
        "(?i-s:a)",
        "(?)a",
        "()",
        "a||b",
        r"\Qa(b\E",
        r"\Q(",
        "^*",
        r"[\d-z]",
        "[a-]",
        "[--/]",
        "(a{100}){10}",
        r"\pN",
        "(?P<n>a)",
        "(?<n>a)",
        r"\x{263a}",
        r"\07",
        "[a&&b]",
        "[[a]",
        "((a*)*)*",
        "((a+)+)+",
        r"\_",
        "é+",
    ] {
        assert_eq!(check(pattern), Ok(()), "{pattern}");
        assert!(is_valid(pattern), "{pattern}");
    }
}

#[test]
fn matches_are_whole_and_classes_are_ascii() {
    let cases = [
        ("/a.*", "/a/b", true),
        ("/a", "/ab", false),
        ("a|b", "b", true),
        ("a|b", "ab", false),
        (r"\d+", "12", true),
        (r"\d", "٣", false),
        (r"\w+", "a_1", true),
        (r"\w", "é", false),
        (r"\W", "é", true),
        (r"[^\d]", "é", true),
        (r"\s", "\u{0B}", false),
        (r"a\b.*", "a-b", true),
        (r"a\bb", "ab", false),
        (r"\C", "a", true),
        (".", "\n", false),
        ("(?s).", "\n", true),
        ("(?i)ABC", "aBc", true),
        ("a{,2}", "a{,2}", true),
        ("a{,2}", "aa", false),
        ("[a&&b]", "&", true),
        ("[a&&b]", "c", false),
        ("[[a]", "[", true),
        (r"\Qa.b\E+", "a.bb", true),
        ("^a$", "a", true),
        ("(?-s:a).", "ab", true),
        (r"[[:alpha:]\-]+", "a-b", true),
        (r"\x2fa", "/a", true),
        (r"\057", "/", true),
    ];
    for (pattern, text, expected) in cases {
        assert_eq!(matches_whole(pattern, text), expected, "{pattern} against {text:?}");
    }
}

#[test]
fn what_cannot_be_read_matches_nothing() {
    assert!(!is_valid("a(b"));
    assert!(!matches_whole("a(b", "a(b"));
}
