//! Markup that cannot be broken by what is put into it.
//!
//! Elements are closed by whoever opened them, text and attribute values are escaped on the way in,
//! and there is no way around that: names of tags and attributes are constants of this program. What
//! is not printable is shown as what it is (see [`clean`]).

use crate::layout::wrap::clean;

/// Attributes of an element: names that this program knows, values of any origin.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

/// HTML under construction.
#[derive(Debug, Default)]
pub(super) struct Markup {
    written: String,
}

impl Markup {
    /// Starts a document.
    pub(super) fn document() -> Self {
        Self { written: "<!DOCTYPE html>\n".to_owned() }
    }

    /// An element and what is in it.
    pub(super) fn within(
        &mut self,
        tag: &'static str,
        attributes: Attributes<'_>,
        content: impl FnOnce(&mut Self),
    ) {
        self.open(tag, attributes);
        content(self);
        self.written.push_str("</");
        self.written.push_str(tag);
        self.written.push_str(">\n");
    }

    /// An element that holds text alone.
    pub(super) fn leaf(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.within(tag, attributes, |html| html.text(text));
    }

    /// An element that has no content, such as `meta`.
    pub(super) fn void(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.open(tag, attributes);
        self.written.push('\n');
    }

    /// Text.
    pub(super) fn text(&mut self, text: &str) {
        escape(&clean(text), &mut self.written);
    }

    /// The style sheet, which is a part of this program and not escaped.
    pub(super) fn style(&mut self, sheet: &'static str) {
        self.written.push_str("<style>\n");
        self.written.push_str(sheet);
        self.written.push_str("</style>\n");
    }

    /// All that was written.
    pub(super) fn finish(self) -> String {
        self.written
    }

    fn open(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.written.push('<');
        self.written.push_str(tag);
        for (name, value) in attributes {
            self.written.push(' ');
            self.written.push_str(name);
            self.written.push_str("=\"");
            escape(&clean(value), &mut self.written);
            self.written.push('"');
        }
        self.written.push('>');
    }
}

fn escape(text: &str, into: &mut String) {
    for c in text.chars() {
        match c {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            c => into.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Markup;

    #[test]
    fn nothing_that_is_put_in_becomes_markup() {
        let mut html = Markup::default();
        let hostile = "\"><script>alert('1')</script>&amp;\u{202e}x\u{0}";
        html.within("p", &[("title", hostile)], |html| html.text(hostile));
        assert_eq!(
            html.finish(),
            "<p title=\"&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;\
             \\u{202e}x\\u{0}\">&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;\
             \\u{202e}x\\u{0}</p>\n"
        );
    }
}
