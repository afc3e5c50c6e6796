//! JSON that people can read and that does not take a line for every number.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{Formatter, PrettyFormatter};

/// Down to this depth every value has a line; deeper ones share that of their parent.
const LINES: usize = 4;

/// The value as text, ending with a line.
pub(crate) fn readable(value: &impl Serialize) -> serde_json::Result<String> {
    let mut out = Vec::new();
    let formatter = Shallow { pretty: PrettyFormatter::new(), depth: 0 };
    value.serialize(&mut Serializer::with_formatter(&mut out, formatter))?;
    out.push(b'\n');
    // What serde_json writes is UTF-8.
    Ok(String::from_utf8_lossy(&out).into_owned())
}

struct Shallow<'a> {
    pretty: PrettyFormatter<'a>,
    depth: usize,
}

impl Shallow<'_> {
    fn is_shallow(&self) -> bool {
        self.depth <= LINES
    }
}

impl Formatter for Shallow<'_> {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth += 1;
        if self.is_shallow() { self.pretty.begin_array(out) } else { out.write_all(b"[") }
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth -= 1;
        if self.depth < LINES { self.pretty.end_array(out) } else { out.write_all(b"]") }
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if self.is_shallow() {
            self.pretty.begin_array_value(out, first)
        } else if first {
            Ok(())
        } else {
            out.write_all(b",")
        }
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        if self.is_shallow() { self.pretty.end_array_value(out) } else { Ok(()) }
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth += 1;
        if self.is_shallow() { self.pretty.begin_object(out) } else { out.write_all(b"{") }
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth -= 1;
        if self.depth < LINES { self.pretty.end_object(out) } else { out.write_all(b"}") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.begin_array_value(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(if self.is_shallow() { b": " } else { b":" })
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        if self.is_shallow() { self.pretty.end_object_value(out) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn deep_values_share_a_line_and_nothing_is_changed() {
        let value = json!({
            "series": {"processes": {"server": [{"at": 1, "cpu": [2, 3]}, {"at": 2}], "raw": []}},
            "none": {},
            "text": "a, [b]",
        });
        let text = readable(&value).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        assert!(
            text.contains("\n        {\"at\":1,\"cpu\":[2,3]},\n        {\"at\":2}\n"),
            "{text}"
        );
        assert!(text.contains("\n  \"none\": {},"), "{text}");
    }
}
