//! Lineages written, read, cut off and broken.

use super::*;

fn generation(step: u64, winner: usize) -> GenerationRecord {
    let children = Mutation::ALL.into_iter().enumerate();
    let children = children.map(|(i, mutation)| ChildRecord {
        parent: 0,
        origin: Origin::Mutation(mutation),
        measures: Measures {
            quality: 0.25 + i as f64,
            diversity: -1.5,
            content: 0.0,
        },
        fitness: if i == 2 { f64::NEG_INFINITY } else { i as f64 },
        survived: i == winner,
    });
    GenerationRecord {
        step,
        children: children.collect(),
    }
}

#[test]
fn what_is_written_is_read_and_a_resumed_run_drops_what_came_after() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(LINEAGE_FILE);
    let mut writer = LineageWriter::open(folder.path(), 0).unwrap();
    let all: Vec<_> = (1..=4).map(|s| generation(s, (s % 2) as usize)).collect();
    for generation in &all {
        writer.add(generation).unwrap();
    }
    writer.sync().unwrap();
    assert_eq!(Lineage::read(&path).unwrap().generations, all);
    // Killed in the middle of a line.
    writer.file.write_all(b"5,0,heur").unwrap();
    assert_eq!(Lineage::read(&path).unwrap().generations, all);
    let mut writer = LineageWriter::open(folder.path(), 3).unwrap();
    assert_eq!(Lineage::read(&path).unwrap().generations, all[..3]);
    writer.add(&all[3]).unwrap();
    assert_eq!(Lineage::read(&path).unwrap().generations, all);
}

#[test]
fn shares_are_counted_by_window() {
    let lineage = Lineage {
        generations: (1..=4).map(|s| generation(s, usize::from(s > 3))).collect(),
    };
    let [first, second] = [Mutation::ALL[0], Mutation::ALL[1]].map(Origin::Mutation);
    let shares = lineage.shares(2);
    assert_eq!(shares[0], (2, BTreeMap::from([(first, 1.0)])));
    assert_eq!(
        shares[1],
        (4, BTreeMap::from([(first, 0.5), (second, 0.5)]))
    );
    let best = lineage.generations[3].best().unwrap();
    assert_eq!(best.origin, second);
}

#[test]
fn broken_lines_are_named() {
    let head = format!("{HEADER}\n");
    let good = "1,0,heuristic,0.5,1,0,1.5,1\n";
    for (text, expected) in [
        (String::new(), "line 1"),
        ("step\n".to_owned(), "line 1"),
        (format!("{head}1,0\n"), "line 2: 2 fields"),
        (format!("{head}{good}{}", good.replace('1', "x")), "line 3"),
        (
            format!("{head}{}", good.replace("heuristic", "magic")),
            "magic",
        ),
        (
            format!("{head}2{}{good}", &good[1..]),
            "step 1 after step 2",
        ),
        (
            format!("{head}{}", good.replace(",1\n", ",7\n")),
            "survived is 7",
        ),
    ] {
        let error = Lineage::parse(&text).expect_err("a broken lineage");
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(
        Lineage::parse(&format!("{head}{good}"))
            .unwrap()
            .generations
            .len(),
        1
    );
}

#[test]
fn origins_have_names_of_their_own() {
    for name in [
        "kept",
        "recombined",
        "minimax",
        "heuristic",
        "least-squares",
    ] {
        let origin = Origin::of_name(name).unwrap();
        assert_eq!(origin.name(), name);
    }
}

#[test]
fn numbers_are_short_and_near() {
    for value in [
        0.0,
        1.0,
        -123.456_789,
        1e-7,
        0.333_333_333_3,
        1e9,
        f64::NEG_INFINITY,
    ] {
        let read: f64 = short(value).parse().unwrap();
        assert!(
            read == value || (read - value).abs() <= 1e-5 * value.abs(),
            "{value}"
        );
        assert!(short(value).len() <= 14, "{}", short(value));
    }
    assert!(short(f64::NAN).parse::<f64>().unwrap().is_nan());
}
