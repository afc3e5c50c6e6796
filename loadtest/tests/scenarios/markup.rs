//! Whether a page is well formed: every tag that opens closes, in order.

/// Tags that stand alone.
const VOID: &[&str] = &["meta", "!doctype"];

/// What is wrong with the tags of a page.
pub(crate) fn slip(page: &str) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some((_, tail)) = rest.split_once('<') {
        // The style is no markup.
        if open.last() == Some(&"style") && !tail.starts_with("/style") {
            rest = tail;
            continue;
        }
        let Some((tag, after)) = tail.split_once('>') else {
            return Some(format!("a tag never ends: {}", &tail[..tail.len().min(40)]));
        };
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap_or_default();
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return Some(format!("</{name}> closes what is not open"));
            }
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
        if tag.matches('"').count() % 2 == 1 {
            return Some(format!("an attribute never ends: {tag}"));
        }
        rest = after;
    }
    (!open.is_empty()).then(|| format!("never closed: {open:?}"))
}

#[test]
fn a_slip_is_noticed() {
    assert_eq!(slip("<!doctype html><p>a <b class=\"x\">b</b><path d=\"M0\"/></p>"), None);
    assert!(slip("<p><b></p></b>").is_some());
    assert!(slip("<p>").is_some());
    assert!(slip("<p class=\"x></p>").is_some());
    assert!(slip("text < more").is_some());
}
