//! What a server says of the statements that it ran.

use serde_json::Value;

/// A statement and what it did.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) text: String,
    plan: Value,
}

impl Ran {
    /// The statements in a log of `auto_explain`: each plan is a JSON text whose lines begin with a tab.
    pub(super) fn all(log: &str) -> Vec<Self> {
        let mut lines = log.lines();
        let mut all = Vec::new();
        while lines.by_ref().any(|line| line.ends_with(" plan:")) {
            let plan: Vec<_> = lines.clone().map_while(|line| line.strip_prefix('\t')).collect();
            let mut plan: Value = serde_json::from_str(&plan.join("\n")).unwrap();
            let text = plan["Query Text"].as_str().unwrap().to_owned();
            all.push(Self { text, plan: plan["Plan"].take() });
        }
        all
    }

    /// What is wrong with it, if something is: a table of many rows gone through from its beginning,
    /// or too many rows looked at.
    pub(super) fn fault(&self, many: &[&str], most: u64) -> Option<String> {
        let whole = find(&self.plan, &|node| {
            let table = node["Relation Name"].as_str();
            let kind = node["Node Type"].as_str().unwrap();
            let is_whole =
                kind == "Seq Scan" || (kind.starts_with("Index") && node["Index Cond"].is_null());
            let looked_at = looked_at(node);
            (is_whole && looked_at > 1_000 && table.is_some_and(|table| many.contains(&table)))
                .then(|| format!("reads {looked_at} rows of {table:?} along"))
        });
        let along = find(&self.plan, &|node| {
            let index = node["Index Name"].as_str()?;
            let (rows, blocks, times) = (looked_at(node), own_blocks(node), times(node));
            let is_much = blocks > 64.0 * times + 8.0 * rows as f64;
            is_much.then(|| format!("goes along {index}: {blocks} blocks for {rows} rows"))
        });
        let (whole, sum) = (whole.or(along), sum(&self.plan));
        whole.or_else(|| (sum > most).then(|| format!("looks at {sum} rows")))
    }

    /// How many rows it looked at.
    pub(super) fn looked_at(&self) -> u64 {
        sum(&self.plan)
    }

    /// Which statement it was.
    pub(super) fn beginning(&self) -> String {
        let words: Vec<_> = self.text.split_whitespace().take(24).collect();
        words.join(" ")
    }

    /// All of it.
    pub(super) fn plan(&self) -> String {
        format!("{}\n{:#}", self.text, self.plan)
    }
}

fn find(node: &Value, what: &impl Fn(&Value) -> Option<String>) -> Option<String> {
    what(node).or_else(|| below(node).find_map(|node| find(node, what)))
}

fn sum(node: &Value) -> u64 {
    looked_at(node) + below(node).map(sum).sum::<u64>()
}

fn below(node: &Value) -> impl Iterator<Item = &Value> {
    node["Plans"].as_array().into_iter().flatten()
}

/// Rows that one step of a plan took in hand: where rows come from, those that it gave; everywhere,
/// those that it left out.
fn looked_at(node: &Value) -> u64 {
    let kind = node["Node Type"].as_str().unwrap();
    let is_source = kind.ends_with("Scan") || kind == "Materialize";
    let given = if is_source { node["Actual Rows"].as_f64().unwrap() } else { 0.0 };
    let left_out = node.as_object().unwrap().iter();
    let left_out = left_out.filter(|(name, _rows)| name.starts_with("Rows Removed by"));
    let rows = given + left_out.filter_map(|(_name, rows)| rows.as_f64()).sum::<f64>();
    (rows * times(node)) as u64
}

fn times(node: &Value) -> f64 {
    node["Actual Loops"].as_f64().unwrap()
}

/// Blocks that one step took in hand, without those below it.
fn own_blocks(node: &Value) -> f64 {
    let blocks = |node: &Value| {
        let kinds = ["Shared Hit Blocks", "Shared Read Blocks"];
        kinds.iter().map(|kind| node[*kind].as_f64().unwrap()).sum::<f64>()
    };
    blocks(node) - below(node).map(blocks).sum::<f64>()
}
