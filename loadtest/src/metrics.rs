//! The server's own numbers, from `/metrics`.

use std::collections::HashMap;

use anyhow::Result;

use crate::http::Http;

/// Every sample by its name with its labels, as the text has it.
pub(crate) struct Metrics(HashMap<String, f64>);

impl Metrics {
    pub(crate) async fn read(http: &mut Http) -> Result<Self> {
        Ok(Self::parse(&http.text("/metrics").await?))
    }

    fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Self(samples.filter_map(sample).collect())
    }

    /// The sum over all labels; nothing for what the server does not count.
    pub(crate) fn sum(&self, name: &str) -> Option<f64> {
        let is_of = |sample: &str| {
            sample.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        };
        let found = self.0.iter().filter(|(sample, _)| is_of(sample)).map(|(_, value)| *value);
        found.reduce(|sum, value| sum + value)
    }

    /// Zero for what the server does not count.
    pub(crate) fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_name_and_labels() {
        let text = "# TYPE moim_commit_batch histogram\nmoim_commit_batch_sum 41.0\n\
                    moim_commit_batch_bucket{le=\"1.0\"} 7\n# EOF\n";
        let metrics = Metrics::parse(text);
        assert_eq!(metrics.get("moim_commit_batch_sum"), 41.0);
        assert_eq!(metrics.get("moim_commit_batch_bucket{le=\"1.0\"}"), 7.0);
        assert_eq!(metrics.get("moim_other"), 0.0);
        let text = "moim_restarts_total{kind=\"a\"} 1\nmoim_restarts_total{kind=\"b\"} 2\n\
                    moim_restarts_total_of_others 4\n";
        let metrics = Metrics::parse(text);
        assert_eq!(metrics.sum("moim_restarts_total"), Some(3.0));
        assert_eq!(metrics.sum("moim_restarts"), None);
    }
}
