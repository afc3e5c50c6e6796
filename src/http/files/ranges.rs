//! Which bytes of a file an answer has (RFC 9110, sections 13 and 14).

use std::ops::Range as Bytes;

use actix_web::HttpRequest;
use actix_web::http::header::{self, EntityTag, Header, IfNoneMatch, Range};

/// What an answer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// The asker has it.
    NotModified,
    /// All of it.
    Whole,
    /// These bytes.
    Some(Bytes<u64>),
    /// There are no such bytes.
    Unsatisfiable,
}

/// What is asked of a file with this tag and so many bytes. More than one range is answered with
/// the whole, as a server may.
pub(super) fn part(request: &HttpRequest, tag: &EntityTag, size: u64) -> Part {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) if request.headers().contains_key(header::IF_NONE_MATCH) => {
            return Part::NotModified;
        }
        Ok(IfNoneMatch::Items(known)) if known.iter().any(|known| known.weak_eq(tag)) => {
            return Part::NotModified;
        }
        _other => {}
    }
    let is_of_this = match request.headers().get(header::IF_RANGE) {
        None => true,
        // A date never fits: files have none.
        Some(value) => value
            .to_str()
            .ok()
            .and_then(|text| text.parse::<EntityTag>().ok())
            .is_some_and(|known| known.strong_eq(tag)),
    };
    if !request.headers().contains_key(header::RANGE) || !is_of_this {
        return Part::Whole;
    }
    match Range::parse(request) {
        Ok(Range::Bytes(ranges)) => match ranges.as_slice() {
            [one] => match one.to_satisfiable_range(size) {
                Some((first, last)) => Part::Some(first..last + 1),
                None => Part::Unsatisfiable,
            },
            _several => Part::Whole,
        },
        // What is not understood is not there.
        Ok(Range::Unregistered(..)) | Err(_) => Part::Whole,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn asked(headers: &[(&'static str, &str)], size: u64) -> Part {
        let request = headers.iter().fold(TestRequest::get(), |r, h| r.insert_header(*h));
        part(&request.to_http_request(), &EntityTag::new_strong("ab".to_owned()), size)
    }

    #[test]
    fn a_range_is_cut_to_the_file() {
        let range = |text: &str| asked(&[("range", text)], 100);
        assert_eq!(range("bytes=0-9"), Part::Some(0..10));
        assert_eq!(range("bytes=90-"), Part::Some(90..100));
        assert_eq!(range("bytes=-5"), Part::Some(95..100));
        assert_eq!(range("bytes=50-1000"), Part::Some(50..100));
        for none in ["bytes=100-", "bytes=100-200", "bytes=-0"] {
            assert_eq!(range(none), Part::Unsatisfiable, "{none}");
        }
        for odd in ["lines=1-2", "bytes", "bytes=x-y", "bytes=9-3", "bytes=0-1,5-6", ""] {
            assert_eq!(range(odd), Part::Whole, "{odd}");
        }
        assert_eq!(asked(&[("range", "bytes=0-")], 0), Part::Unsatisfiable);
        assert_eq!(asked(&[], 100), Part::Whole);
    }

    #[test]
    fn what_the_asker_has_is_not_sent_again() {
        for known in ["\"ab\"", "W/\"ab\"", "\"cd\", \"ab\"", "*"] {
            assert_eq!(asked(&[("if-none-match", known)], 9), Part::NotModified, "{known}");
        }
        assert_eq!(asked(&[("if-none-match", "\"cd\"")], 9), Part::Whole);
        let of = |tag: &str| asked(&[("range", "bytes=0-1"), ("if-range", tag)], 9);
        assert_eq!(of("\"ab\""), Part::Some(0..2));
        for other in ["\"cd\"", "W/\"ab\"", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(of(other), Part::Whole, "{other}");
        }
    }
}
