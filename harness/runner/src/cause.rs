//! An error and its causes in one line.

use std::error::Error;

/// The error and its causes, outermost first; a cause that its error repeats is told once.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::with_causes;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Link(&'static str, #[source] Option<Box<Link>>);

    #[test]
    fn causes_follow_their_errors_once_each() {
        let chain =
            Link("read x", Some(Box::new(Link("no disk", Some(Box::new(Link("disk", None)))))));
        assert_eq!(with_causes(&chain), "read x: no disk");
    }
}
