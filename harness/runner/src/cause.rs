//! Errors with their causes, and panics, in one line.

use std::error::Error;

use futures_util::FutureExt;

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

/// What comes of the work, or the text of its panic.
pub(crate) async fn unpanicked<T>(work: impl Future<Output = T>) -> Result<T, String> {
    std::panic::AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .map_err(|panic| panic_text(panic.as_ref()))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    format!("the harness itself panicked ({message}); please report this")
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
