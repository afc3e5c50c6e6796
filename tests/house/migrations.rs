//! Both databases go through the same versions.

use super::tree::{self, none};

/// The migrations of an engine: number and name, in order.
fn of(engine: &str) -> Vec<String> {
    let folder = format!("migrations/{engine}");
    let files = tree::below(&[&folder], &[""]);
    files.iter().map(|file| file.path[folder.len() + 1..].to_owned()).collect()
}

/// What is wrong with the names of one engine.
fn slips(names: &[String]) -> Vec<String> {
    let mut slips = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let number = name.split('_').next().unwrap_or_default();
        let wanted = format!("{:04}", at + 1);
        if number != wanted || !name.ends_with(".sql") {
            slips.push(format!("{name}: wanted {wanted}_….sql"));
        }
    }
    slips
}

#[test]
fn both_engines_have_the_same_migrations() {
    let (sqlite, postgres) = (of("sqlite"), of("postgres"));
    assert_eq!(sqlite, postgres, "a migration is written for both engines");
    none("migrations are numbered without holes", &slips(&sqlite));
}

#[test]
fn a_hole_in_the_numbers_is_seen() {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    assert!(slips(&names(&["0001_a.sql", "0002_b.sql"])).is_empty());
    assert_eq!(slips(&names(&["0001_a.sql", "0003_b.sql"])).len(), 1);
    assert_eq!(slips(&names(&["0001_a.txt"])).len(), 1);
}
