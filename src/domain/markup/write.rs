//! From the tree of a text to HTML, for a conversation rather than a document.
//!
//! * Line breaks are kept; headings are strong lines; an image is a link to it; HTML and `&lt;` are
//!   text.
//! * What only looks like a mark stays what was typed: faces (`*^^*`, `^_^`), one tilde
//!   (`하하~호호~`), numbers that begin no list (`2026. 11. 20.`).
//! * What lies deeper than [`DEPTH`] has no marks of its own.
//! * Bars stay: what they hide is for `spoilers.rs` to say.

use comrak::Node;
use comrak::arena_tree::NodeEdge;
use comrak::nodes::{ListDelimType, ListType, NodeCodeBlock, NodeLink, NodeList, NodeValue};

use super::addresses::Addresses;
use super::clean::{language, leads_out};
use super::signs::{escape, is_of_face, restored, unread};

/// Marks inside one another.
const DEPTH: usize = 12;

/// What came of a tree.
pub(super) struct Written {
    pub(super) html: String,
    /// What a reader sees, without tags; blanks are not exact.
    pub(super) shown: String,
    /// See [`super::render::Look`].
    pub(super) spoken: Option<String>,
    /// Whether there is more than lines and paragraphs.
    pub(super) is_marked: bool,
}

/// Writes a tree; `source` is what it was read from. See [`super::render::look`] for `told`.
pub(super) fn write(root: Node<'_>, source: &str, told: Option<&Addresses>) -> Written {
    let mut writer = Writer { told, ..Writer::new(source) };
    for edge in root.traverse() {
        match edge {
            NodeEdge::Start(node) => writer.enter(node),
            NodeEdge::End(node) => writer.leave(node),
        }
    }
    let Writer { html, shown, spoken, is_marked, is_all_spoken, .. } = writer;
    let spoken = (!is_all_spoken && source.contains('@')).then_some(spoken);
    Written { html, shown, spoken, is_marked }
}

/// What is to be done where a node ends.
enum End {
    Nothing,
    /// Closes a tag, or several.
    Tags(&'static str),
    /// Closes a paragraph.
    Paragraph,
    /// Ends a line that holds a number and perhaps nothing else.
    Item,
    /// Ends what is emphasised, if it is.
    Emphasis(Emphasis),
    /// Writes what was typed.
    Typed(&'static str),
    /// Closes a link.
    Link,
}

/// Something emphasised, of which it is not known yet whether it holds a letter.
struct Emphasis {
    tag: &'static str,
    typed: &'static str,
    /// Where it begins, in both texts.
    at: (usize, usize),
    letters: usize,
}

struct Writer<'s> {
    html: String,
    shown: String,
    spoken: String,
    is_all_spoken: bool,
    is_marked: bool,
    /// Letters and digits so far.
    letters: usize,
    /// One for each node that is open.
    ends: Vec<End>,
    /// Tags that are open.
    depth: usize,
    /// Numbers that wait for their line.
    numbers: String,
    is_in_link: bool,
    /// Only these addresses are links.
    told: Option<&'s Addresses>,
    source: &'s str,
    /// Where its lines begin.
    lines: Vec<usize>,
}

impl<'s> Writer<'s> {
    fn new(source: &'s str) -> Self {
        let breaks = source.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            html: String::with_capacity(source.len() * 2),
            shown: String::with_capacity(source.len()),
            spoken: String::new(),
            is_all_spoken: true,
            is_marked: false,
            letters: 0,
            ends: Vec::new(),
            depth: 0,
            numbers: String::new(),
            is_in_link: false,
            told: None,
            source,
            lines: std::iter::once(0).chain(breaks).collect(),
        }
    }

    fn enter(&mut self, node: Node<'_>) {
        let end = match &node.data().value {
            NodeValue::Paragraph => self.paragraph(node),
            NodeValue::Heading(_) => {
                self.block();
                self.tags("<p><strong>", "</strong></p>")
            }
            NodeValue::BlockQuote => {
                self.block();
                self.tags("<blockquote>", "</blockquote>")
            }
            list if is_typed(list) => End::Nothing,
            NodeValue::List(list) => match list.list_type {
                ListType::Bullet => self.list("<ul>", "</ul>"),
                ListType::Ordered => self.list("<ol>", "</ol>"),
            },
            NodeValue::Item(item) => self.item(node, item),
            NodeValue::CodeBlock(code) => self.code_block(code),
            NodeValue::ThematicBreak => {
                self.block();
                self.leaf("<hr>")
            }
            NodeValue::HtmlBlock(html) => {
                self.block();
                self.html.push_str("<p>");
                self.lines_of(html.literal.trim_end_matches('\n'));
                End::Paragraph
            }
            NodeValue::Text(text) => self.text(text),
            NodeValue::ShortCode(code) => self.text(&code.emoji),
            NodeValue::HtmlInline(html) => {
                self.lines_of(html);
                End::Nothing
            }
            NodeValue::SoftBreak | NodeValue::LineBreak => self.line_break(),
            NodeValue::Code(code) => self.code(&code.literal),
            NodeValue::Emph => self.emphasis(node, "<em>", ["*", "_"]),
            NodeValue::Strong => self.emphasis(node, "<strong>", ["**", "__"]),
            NodeValue::Strikethrough => self.tags("<del>", "</del>"),
            NodeValue::Subscript => self.typed("~"),
            NodeValue::Link(link) | NodeValue::Image(link) => self.link(node, link),
            _other => End::Nothing,
        };
        self.ends.push(end);
    }

    fn leave(&mut self, _node: Node<'_>) {
        match self.ends.pop() {
            Some(End::Tags(close)) => self.close(close),
            Some(End::Paragraph) => self.html.push_str("</p>"),
            Some(End::Item) => self.number_alone(),
            Some(End::Emphasis(emphasis)) => self.emphasised(&emphasis),
            Some(End::Typed(typed)) => self.push(typed),
            Some(End::Link) => {
                self.is_in_link = false;
                self.close("</a>");
            }
            Some(End::Nothing) | None => {}
        }
    }

    // Blocks

    fn paragraph(&mut self, node: Node<'_>) -> End {
        self.mark('\n');
        let is_bare = is_tight(node) && self.numbers.is_empty();
        if !is_bare {
            self.html.push_str("<p>");
        }
        let numbers = std::mem::take(&mut self.numbers);
        self.push(&numbers);
        if is_bare { End::Nothing } else { End::Paragraph }
    }

    fn list(&mut self, open: &str, close: &'static str) -> End {
        self.block();
        self.tags(open, close)
    }

    fn item(&mut self, node: Node<'_>, item: &NodeList) -> End {
        if node.parent().is_none_or(|list| !is_typed(&list.data().value)) {
            return self.tags("<li>", "</li>");
        }
        let end = match item.delimiter {
            ListDelimType::Period => ". ",
            ListDelimType::Paren => ") ",
        };
        self.numbers.push_str(&item.start.to_string());
        self.numbers.push_str(end);
        End::Item
    }

    /// Another block than a paragraph begins: numbers that wait have none.
    fn block(&mut self) {
        self.mark('\n');
        self.number_alone();
    }

    fn number_alone(&mut self) {
        let numbers = std::mem::take(&mut self.numbers);
        if !numbers.is_empty() {
            self.html.push_str("<p>");
            self.push(&numbers);
            self.html.push_str("</p>");
        }
    }

    fn code_block(&mut self, block: &NodeCodeBlock) -> End {
        self.block();
        let word = block.info.split_whitespace().next().and_then(language);
        self.html.push_str("<pre><code");
        if let Some(word) = word {
            self.html.push_str(" class=\"language-");
            self.html.push_str(word);
            self.html.push('"');
        }
        self.html.push('>');
        self.unspoken(&unread(block.literal.trim_end_matches('\n')));
        self.leaf("</code></pre>")
    }

    // Inlines

    fn text(&mut self, text: &str) -> End {
        self.push(text);
        End::Nothing
    }

    fn code(&mut self, code: &str) -> End {
        self.html.push_str("<code>");
        self.unspoken(&unread(code));
        self.leaf("</code>")
    }

    fn line_break(&mut self) -> End {
        self.html.push_str("<br>");
        self.shown.push('\n');
        self.mark('\n');
        End::Nothing
    }

    /// Lines that are not read for marks.
    fn lines_of(&mut self, text: &str) {
        for (at, line) in unread(text).split('\n').enumerate() {
            if at > 0 {
                self.line_break();
            }
            self.push(line);
        }
    }

    /// Emphasis is one that holds a letter, and an underscore that follows a sign is part of a face.
    fn emphasis(&mut self, node: Node<'_>, tag: &'static str, typed: [&'static str; 2]) -> End {
        let start = node.data().sourcepos.start;
        let line = self.lines.get(start.line.saturating_sub(1)).copied().unwrap_or_default();
        let at = (line + start.column).checked_sub(1);
        let byte = |at: Option<usize>| at.and_then(|at| self.source.as_bytes().get(at)).copied();
        let is_underscore = byte(at) == Some(b'_');
        let before = byte(at.and_then(|at| at.checked_sub(1)));
        let is_face = is_underscore && before.is_some_and(is_of_face);
        let [star, underscore] = typed;
        let typed = if is_underscore { underscore } else { star };
        if is_face || self.depth >= DEPTH {
            return self.typed(typed);
        }
        let at = (self.html.len(), self.shown.len());
        self.open(tag);
        End::Emphasis(Emphasis { tag, typed, at, letters: self.letters })
    }

    fn emphasised(&mut self, emphasis: &Emphasis) {
        let Emphasis { tag, typed, at, letters } = *emphasis;
        if self.letters > letters {
            self.is_marked = true;
            return self.close(if tag == "<em>" { "</em>" } else { "</strong>" });
        }
        self.depth = self.depth.saturating_sub(1);
        self.html.replace_range(at.0..at.0 + tag.len(), typed);
        self.shown.insert_str(at.1, typed);
        self.push(typed);
    }

    fn typed(&mut self, typed: &'static str) -> End {
        self.push(typed);
        End::Typed(typed)
    }

    fn link(&mut self, node: Node<'_>, link: &NodeLink) -> End {
        self.mark('*');
        // Its address is said nowhere.
        self.is_all_spoken = false;
        let address = &restored(&link.url);
        let is_bare = node.first_child().is_none();
        let is_known = self.told.is_none_or(|told| told.hold(address));
        if self.is_in_link || !is_known || !leads_out(address) {
            if is_bare {
                self.unspoken(address);
            }
            return End::Nothing;
        }
        (self.is_in_link, self.is_marked) = (true, true);
        self.open("<a href=\"");
        escape(address, &mut self.html);
        self.html.push_str("\">");
        if is_bare {
            self.unspoken(address);
        }
        End::Link
    }

    // Texts

    /// Text that a reader sees and hears.
    fn push(&mut self, text: &str) {
        if self.is_in_link {
            return self.unspoken(text);
        }
        self.see(text);
        self.spoken.push_str(text);
    }

    /// Text that a reader sees, and that calls nobody.
    fn unspoken(&mut self, text: &str) {
        self.see(text);
        self.spoken.push('`');
        self.is_all_spoken = false;
    }

    fn see(&mut self, text: &str) {
        self.letters += text.chars().filter(|c| c.is_alphanumeric()).count();
        escape(text, &mut self.html);
        self.shown.push_str(text);
    }

    /// Whatever stood here, no word goes on over it.
    fn mark(&mut self, mark: char) {
        self.spoken.push(mark);
    }

    // Tags

    /// Tags around what follows, unless that lies too deep.
    fn tags(&mut self, open: &str, close: &'static str) -> End {
        self.mark('*');
        if self.depth >= DEPTH {
            return End::Nothing;
        }
        self.is_marked = true;
        self.open(open);
        End::Tags(close)
    }

    fn open(&mut self, tag: &str) {
        self.depth += 1;
        self.mark('*');
        self.html.push_str(tag);
    }

    fn close(&mut self, tag: &str) {
        self.depth = self.depth.saturating_sub(1);
        self.mark('*');
        self.html.push_str(tag);
    }

    /// The end of something without marks inside.
    fn leaf(&mut self, tag: &str) -> End {
        self.is_marked = true;
        self.html.push_str(tag);
        End::Nothing
    }
}

/// Whether this is a list that does not begin with 1: then its numbers are text.
fn is_typed(value: &NodeValue) -> bool {
    matches!(value, NodeValue::List(list) if list.list_type == ListType::Ordered && list.start != 1)
}

/// Whether a paragraph is the line of an item, not a paragraph in one.
fn is_tight(paragraph: Node<'_>) -> bool {
    let list = paragraph.parent().and_then(|item| match &item.data().value {
        NodeValue::Item(_) => item.parent(),
        _other => None,
    });
    list.is_some_and(|list| matches!(&list.data().value, NodeValue::List(list) if list.tight))
}
