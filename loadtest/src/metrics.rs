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
    }
}
