//! Secrets in text, recognised by their form, because text has no types.

use std::borrow::Cow;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::{Captures, Regex, RegexSet};

use super::{PLACEHOLDER, secret};

/// A form of a secret, and what replaces it.
struct Rule {
    form: &'static str,
    replacement: Replacement,
}

enum Replacement {
    /// This text, with the groups of the form.
    With(&'static str),
    /// Whatever this says of it.
    By(fn(&Captures<'_>) -> String),
}

const RULES: &[Rule] = &[
    // Private keys, whole; also where line breaks are escaped, and where the end is cut off.
    Rule {
        form: r"(?s)-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\z)",
        replacement: Replacement::With("REDACTED ${1}PRIVATE KEY"),
    },
    // The same in base64, as Secrets and kubeconfigs hold it, also over several lines.
    Rule {
        form: r"LS0tLS1CRUdJTi[A-Za-z0-9+/]{8,}(?:(?:(?:\\n|\s)+[A-Za-z0-9+/]{40,})+(?:(?:\\n|\s)+[A-Za-z0-9+/]+)?)?={0,2}",
        replacement: Replacement::By(encoded_pem),
    },
    // The end of a private key whose begin is in another line of a log.
    Rule {
        form: r"(?s)\A[A-Za-z0-9+/=\s]*-----END ([A-Z ]*)PRIVATE KEY-----",
        replacement: Replacement::With("REDACTED -----END ${1}PRIVATE KEY-----"),
    },
    // Bootstrap tokens (kubernetes/kubernetes v1.36:
    // `staging/src/k8s.io/cluster-bootstrap/token/api/types.go`).
    Rule {
        form: r"(?-u:\b)[a-z0-9]{6}\.[a-z0-9]{16}(?-u:\b)",
        replacement: Replacement::By(bootstrap_token),
    },
    // Service account tokens and other JSON web tokens.
    Rule {
        form: r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
        replacement: Replacement::With("REDACTED"),
    },
    Rule {
        form: r"(?i)(?-u:\b)(bearer|basic)\s+([A-Za-z0-9+/_.~=-]{8,})",
        replacement: Replacement::By(scheme),
    },
    // Header fields: the rest of the line, because schemes have parameters of many forms. What
    // follows a bearer token or basic credentials is none of them (RFC 9110 §11.4).
    Rule {
        form: r#"(?i)(?-u:\b)((?:proxy-)?authorization|(?:set-)?cookie)(\\?"?\s*[:=]\s*)(\\?"(?:\\.|[^\r\n"\\]){4,}|[^\s"\\][^\r\n]{3,})"#,
        replacement: Replacement::By(header),
    },
    // Credentials of registries, as Docker's settings have them.
    Rule {
        form: r#"(\\?"auth\\?"\s*:\s*\\?")[^"\\]{6,}"#,
        replacement: Replacement::With("${1}REDACTED"),
    },
    // Keys of AWS, tokens of GitHub, GitLab, Slack and Google, by the marks they begin with.
    Rule {
        form: r"(?-u:\b)(?:AKIA|ASIA)[A-Z0-9]{16}(?-u:\b)",
        replacement: Replacement::With("REDACTED"),
    },
    Rule {
        form: r"(?-u:\b)(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[A-Za-z0-9_-]{30,})",
        replacement: Replacement::With("REDACTED"),
    },
    Rule {
        form: r"(?i)(certificate-key[ =:]+)[0-9a-f]{32,}",
        replacement: Replacement::With("${1}REDACTED"),
    },
    // Fields of kubeconfigs, Secrets and settings, as YAML, JSON (escaped or not) or arguments.
    Rule {
        form: r#"(?i)(-{0,2}(?-u:\b)[a-z0-9_.-]*(?:client-key-data|password|passwd|passphrase|secret|token|api[-_]?key|access[-_]?key|account[-_]?key|secret[-_]?key|private[-_]?key|credentials?)(?:[-_]?id)?)(?:((?:\\*["'])?\s*[:=]\s*\\*["'])([^"'\\\r\n]+)|(\s*:\s*[|>][+-]?[ \t]*(?:\r?\n|\\n)[ \t]*)([^\r\n\\]+)|((?:\\*["'])?\s*[:=]\s*|\s+)([^\s"',;&\\]+))"#,
        replacement: Replacement::By(field),
    },
    // Settings with the name of a secret, in the drift checker's lines (cilium/cilium 1.18.10,
    // `pkg/driftchecker/checker.go`); older versions write the fields in the order of the alphabet.
    Rule {
        form: r#"(?i)[^\n]*(?-u:\b)key\\?"?\s*[=:]\s*\\?"?[a-z0-9_.-]*(?:password|passwd|passphrase|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credentials?)(?-u:\b)[^\n]*"#,
        replacement: Replacement::By(setting),
    },
    // Name and password in an address; a name alone when it is long enough to be a token.
    Rule {
        form: r"([a-z][a-z0-9+.-]*://)(?:[^\s/@:]*:[^\s/@]+|[^\s/@:]{16,})@",
        replacement: Replacement::With("${1}REDACTED@"),
    },
];

static FORMS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let form = |rule: &Rule| Regex::new(rule.form).expect("a form that is part of the program");
    RULES.iter().map(form).collect()
});

/// All forms at once: most texts hold nothing like a secret.
static ANY: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new(RULES.iter().map(|rule| rule.form)).expect("forms that are part of the program")
});

/// The text without secrets.
pub fn text(text: &str) -> Cow<'_, str> {
    if !ANY.is_match(text) {
        return Cow::Borrowed(text);
    }
    let mut changed = text.to_owned();
    for (rule, form) in RULES.iter().zip(FORMS.iter()) {
        let replaced = match rule.replacement {
            Replacement::With(words) => form.replace_all(&changed, words),
            Replacement::By(words) => form.replace_all(&changed, words),
        };
        if let Cow::Owned(replaced) = replaced {
            changed = replaced;
        }
    }
    if changed == text { Cow::Borrowed(text) } else { Cow::Owned(changed) }
}

/// Letters and digits at random: sixteen of them without two digits are a word, as in
/// `gitlab.myverylongdomain.example`.
fn bootstrap_token(found: &Captures<'_>) -> String {
    let digits = found[0].chars().filter(char::is_ascii_digit).count();
    if digits >= 2 { PLACEHOLDER.to_owned() } else { found[0].to_owned() }
}

/// What is a PEM block in base64: a certificate or public key alone is no secret, and neither is
/// what was redacted already.
fn encoded_pem(found: &Captures<'_>) -> String {
    let compact: String = found[0].replace("\\n", "").split_whitespace().collect();
    let whole = &compact[..compact.len() - compact.len() % 4];
    let decoded = STANDARD.decode(whole).unwrap_or_default();
    let decoded = String::from_utf8_lossy(&decoded);
    let harmless = |block: &&str| {
        let (_, body) = block.split_once("-----").unwrap_or_default();
        block.starts_with("CERTIFICATE-----")
            || block.starts_with("PUBLIC KEY-----")
            || body.trim_start().starts_with(secret::PEM_BODY)
    };
    let blocks: Vec<&str> = decoded.split("-----BEGIN ").skip(1).collect();
    let all = !blocks.is_empty() && blocks.iter().all(harmless);
    if all { found[0].to_owned() } else { PLACEHOLDER.to_owned() }
}

/// The value of a header field.
fn header(found: &Captures<'_>) -> String {
    static WHOLE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)\A(?:bearer|basic)\s+[A-Za-z0-9+/_.~=-]+")
            .expect("a form that is part of the program")
    });
    let (name, between, value) = (&found[1], &found[2], &found[3]);
    let quote = if value.starts_with('\\') { "\\\"" } else { "\"" };
    let (quote, value) = match value.strip_prefix(quote) {
        Some(value) => (quote, value),
        None => ("", value),
    };
    // What an ACME client says of an authorization that failed is a sentence
    // (cert-manager 1.21 `pkg/controller/acmechallenges/sync.go`).
    if value.starts_with("acme: ") {
        return found[0].to_owned();
    }
    let value = match WHOLE.find(value) {
        Some(credentials) => {
            let scheme = value.split_whitespace().next().unwrap_or_default();
            format!("{quote}{scheme} {PLACEHOLDER}{}", &value[credentials.end()..])
        }
        None => format!("{quote}{PLACEHOLDER}"),
    };
    format!("{name}{between}{value}")
}

/// What follows `Bearer` or `Basic` in a header, and not in a sentence.
fn scheme(found: &Captures<'_>) -> String {
    let word = &found[2];
    let is_word = word.trim_end_matches('.').chars().all(|c| c.is_ascii_lowercase());
    if is_word && word.len() < 20 {
        return found[0].to_owned();
    }
    format!("{} {PLACEHOLDER}", &found[1])
}

/// A field with the name of a secret. The name of an object in its place (`secret=apps/web`) is
/// none, and neither is a sentence (`token expired`).
fn field(found: &Captures<'_>) -> String {
    // Within quotes, as a block of YAML, or a word.
    let forms = [(2, 3), (4, 5), (6, 7)];
    let form = forms.into_iter().find_map(|(between, value)| {
        Some((found.get(between)?.as_str(), found.get(value)?.as_str()))
    });
    let name = &found[1];
    let (between, value) = form.expect("one of the forms was found");
    let said = between.trim().is_empty();
    let an_argument = name.starts_with('-');
    let harmless = matches!(value, "true" | "false" | "null" | "nil" | PLACEHOLDER)
        || value.len() < 6
        || value.starts_with(PLACEHOLDER)
        || value.starts_with("-----BEGIN")
        || value.starts_with(['{', '[', '<', '$', '%'])
        || is_object(value);
    if harmless || (said && !an_argument) {
        return found[0].to_owned();
    }
    format!("{name}{between}{PLACEHOLDER}")
}

/// What a setting with the name of a secret is and should be.
fn setting(found: &Captures<'_>) -> String {
    static VALUES: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?i)(?-u:\b)((?:actual|expected|expectedValue|value|old|new)\\?"?\s*[=:]\s*)("[^"]*"|[^\s",]+)"#)
            .expect("a form that is part of the program")
    });
    VALUES.replace_all(&found[0], "${1}REDACTED").into_owned()
}

/// `namespace/name`.
fn is_object(value: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
    };
    value.split_once('/').is_some_and(|(namespace, name)| is_name(namespace) && is_name(name))
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn secrets_go_and_what_is_around_them_stays() {
        let token =
            ["eyJhbGciOiJSUzI1NiJ9", "eyJzdWIiOiJzeXN0ZW0ifQ", "c2lnbmF0dXJlMTIz"].join(".");
        let github = ["ghp", &"a1".repeat(18)].join("_");
        for (written, secret, stays) in [
            (
                "kubeadm join a:6443 --token abcdef.0123456789abcdef --v=6".to_owned(),
                "0123456789abcdef",
                "kubeadm join a:6443 --token",
            ),
            (
                "[bootstrap-token] Using token: abcdef.0123456789abcdef".to_owned(),
                "abcdef",
                "Using",
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----\nafter"
                    .to_owned(),
                "c2VjcmV0",
                "after",
            ),
            (
                r"key=-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY----- after"
                    .to_owned(),
                "c2VjcmV0",
                "after",
            ),
            ("x -----BEGIN EC PRIVATE KEY-----\nc2VjcmV0".to_owned(), "c2VjcmV0", "x "),
            ("c2VjcmV0\n-----END EC PRIVATE KEY-----\nx".to_owned(), "c2VjcmV0", "x"),
            (format!("Authorization: Bearer {token}\nnext"), "c2lnbmF0", "next"),
            (format!("got {token} here"), "c2lnbmF0", "here"),
            ("bearer a1b2c3d4e5 next".to_owned(), "a1b2c3d4e5", "next"),
            ("app --db-password hunter22 --x".to_owned(), "hunter22", "--x"),
            (format!("--certificate-key {} --x", "0f".repeat(32)), "0f0f0f", "--certificate-key"),
            ("    client-key-data: c2VjcmV0Cg==".to_owned(), "c2VjcmV0", "client-key-data: "),
            (r#"{"password": "hunter22","user":"a"}"#.to_owned(), "hunter22", r#""user":"a""#),
            (r#"{\"token\":\"hunter22\",\"a\":1}"#.to_owned(), "hunter22", r#"\"a\":1"#),
            ("HTTP_PROXY=http://me:hunter22@proxy:3128/".to_owned(), "hunter22", "proxy:3128/"),
            ("get https://0123456789abcdefghij@x/y".to_owned(), "0123456789", "@x/y"),
            ("id AKIAIOSFODNN7EXAMPLE used".to_owned(), "IOSFODNN7", "used"),
            ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG".to_owned(), "wJalr", "aws_secret"),
            (format!("push with {github} failed"), "a1a1", "failed"),
            ("Cookie: session=hunter22; a=b".to_owned(), "hunter22", "Cookie: "),
            (
                "msg=\"No local entry found\" key=x-api-token expectedValue=hunter22 expectedSource=a/b"
                    .to_owned(),
                "hunter22",
                "expectedSource=a/b",
            ),
            (
                "actual=hunter22 expectedValue=\"hunter22 b\" key=db-password".to_owned(),
                "hunter22",
                "key=db-password",
            ),
            ("level=warn msg=x token=hunter22 err=y".to_owned(), "hunter22", "err=y"),
        ] {
            let redacted = text(&written);
            assert!(!redacted.contains(secret), "{written} → {redacted}");
            assert!(redacted.contains(stays), "{written} → {redacted}");
            assert!(redacted.contains("REDACTED"), "{written} → {redacted}");
        }
    }

    #[test]
    fn what_only_looks_like_a_secret_stays() {
        for written in [
            "-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----",
            "tls.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tClFVRkIKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=",
            "kube-system/coredns-7db6d8ff4d-abcde is Running",
            "pulled registry.k8s.io/kube-apiserver:v1.36.4",
            "http://a-control-plane:6443/healthz",
            "no token",
            "token: ",
            "gitlab.myverylongdomain.com",
            "the bearer of this certificate",
            "bearer authentication is off",
            "the token expired yesterday",
            "Error accepting authorization: acme: authorization error for example.test: 403 urn:ietf:params:acme:error:unauthorized: No TXT records found for DNS challenge",
            "level=warn msg=\"Unable to sync secret\" secret=gateway/wildcard-tls",
            "secrets \"wildcard-tls\" not found",
            "Mismatch found key=enable-gateway-api actual=false expectedValue=true",
            "key=gateway-api-secrets-namespace actual=a expectedValue=b",
            "kubernetes:///kube-system/cilium",
            "Nov 26 07:00:00 a-worker kubelet[312]: E1126 kubelet.go:123] cni plugin not initialized",
        ] {
            assert_eq!(text(written), written);
        }
    }
}
