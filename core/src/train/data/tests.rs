use super::*;
use crate::stamp::blend::tests::shared;

fn stamp(name: &str, side: usize, channels: usize) -> Stamp {
    let pixels: Vec<f32> = (0..channels * side * side)
        .map(|i| ((i * 31) % 97) as f32 / 97.0)
        .collect();
    Stamp::new(name, pixels, [channels, side, side], ValueRange::UNIT)
}

fn recipe() -> DataRecipe {
    DataRecipe {
        simulated: 6,
        ..DataRecipe::default()
    }
}

#[test]
fn pairs_depend_on_recipe_and_index_alone() {
    let none = ExclusionList::default();
    let stamps = || vec![stamp("b", 120, 3), stamp("a", 80, 3)];
    let source = PairSource::new(recipe(), stamps(), &none).unwrap();
    let mut swapped = stamps();
    swapped.reverse();
    let other = PairSource::new(recipe(), swapped, &none).unwrap();
    for index in [5, 0, 3] {
        assert_eq!(source.pair(index), other.pair(index));
    }
    assert_ne!(source.pair(0), source.pair(1));
}

#[test]
fn jitter_changes_brightness_and_colour_alone() {
    let none = ExclusionList::default();
    let plain = PairSource::new(recipe(), Vec::new(), &none).unwrap();
    let jitter = 0.2;
    let jittered = DataRecipe { jitter, ..recipe() };
    let jittered = PairSource::new(jittered, Vec::new(), &none).unwrap();
    let (a, b) = (plain.pair(3).unwrap(), jittered.pair(3).unwrap());
    let unit = |v: f32| (v + 1.0) / 2.0;
    let mut factors = Vec::new();
    for (a, b) in [(&a.truth1, &b.truth1), (&a.truth2, &b.truth2)] {
        for (a, b) in a.chunks(80 * 80).zip(b.chunks(80 * 80)) {
            let pairs = a.iter().zip(b).map(|(a, b)| (unit(*a), unit(*b)));
            let bright = pairs.filter(|(a, b)| *a > 0.2 && *b < 0.99);
            let ratios: Vec<f32> = bright.map(|(a, b)| b / a).collect();
            let Some(first) = ratios.first() else {
                continue;
            };
            assert!(ratios.iter().all(|r| (r / first - 1.0).abs() < 1e-3));
            assert!(first.ln().abs() <= 1.5 * jitter + 1e-3, "{first}");
            factors.push(*first);
        }
    }
    assert!(factors.len() > 2 && factors.iter().any(|f| (f / factors[0] - 1.0).abs() > 0.01));
    let bad = DataRecipe {
        jitter: -1.0,
        ..recipe()
    };
    assert!(PairSource::new(bad, Vec::new(), &none).is_err());
}

#[test]
fn a_blend_is_the_maximum_of_its_truths_in_range() {
    let jittered = DataRecipe {
        jitter: 0.5,
        ..recipe()
    };
    let source = PairSource::new(jittered, Vec::new(), &ExclusionList::default()).unwrap();
    for index in 0..8 {
        let pair = source.pair(index).unwrap();
        assert_eq!(pair.blend.len(), 3 * 80 * 80);
        for ((blend, a), b) in pair.blend.iter().zip(&pair.truth1).zip(&pair.truth2) {
            assert!((-1.0..=1.0).contains(a) && (-1.0..=1.0).contains(b));
            assert!((a.max(*b) - (2.0 * blend - 1.0)).abs() < 1e-6);
        }
    }
}

#[test]
fn unusable_stamps_are_left_out_and_counted() {
    let mut holed = stamp("holed", 80, 3);
    holed.pixels = vec![f32::NAN; 3 * 80 * 80].into();
    let flat = Stamp::new(
        "flat",
        vec![0.5; 3 * 80 * 80],
        [3, 80, 80],
        ValueRange::UNIT,
    );
    let stamps = vec![
        stamp("kept", 80, 3),
        stamp("judged", 80, 3),
        stamp("mono", 80, 1),
        stamp("tiny", 40, 3),
        holed,
        flat,
    ];
    let source = PairSource::new(recipe(), stamps, &ExclusionList::parse("judged\n")).unwrap();
    let expected = StampReport {
        used: 1,
        excluded: 1,
        grey: 2,
        small: 1,
        incomplete: 1,
        simulated: 6,
    };
    assert_eq!(source.report(), expected);
}

#[test]
fn the_exclusion_list_may_name_the_file_of_several_stamps() {
    let part = |name: &str| Stamp {
        path: Some("stamps/judged.fits".into()),
        ..stamp(name, 80, 3)
    };
    let stamps = vec![part("SCI"), part("REF"), stamp("other", 80, 3)];
    let source = PairSource::new(recipe(), stamps, &ExclusionList::parse("judged\n")).unwrap();
    let report = source.report();
    assert_eq!((report.excluded, report.used), (2, 1));
    assert!(
        report.to_string().contains("2 by the exclusion list"),
        "{report}"
    );
}

#[test]
fn senseless_recipes_are_refused() {
    let none = ExclusionList::default();
    let empty = DataRecipe {
        simulated: 0,
        ..recipe()
    };
    let grey = vec![stamp("mono", 80, 1)];
    assert_eq!(
        PairSource::new(empty, grey, &none).unwrap_err(),
        DataError::NoGalaxies {
            skipped: 1,
            side: 80
        }
    );
    let share = DataRecipe {
        simulated_share: [0.5, 1.5],
        ..recipe()
    };
    assert!(PairSource::new(share, Vec::new(), &none).is_err());
}

#[test]
fn symmetries_are_eight_different_ones() {
    let pixels: Vec<f32> = (0..9_u8).map(f32::from).collect();
    let all: Vec<Vec<f32>> = (0..8).map(|s| turned(&pixels, 3, s)).collect();
    for (i, a) in all.iter().enumerate() {
        assert_eq!(a[4], 4.0);
        assert!(all[..i].iter().all(|b| a != b));
    }
}

#[test]
fn the_shipped_exclusion_list_names_every_galaxy_of_the_judging_blends() {
    let list = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../models/recipes/exclude-blends-sky.txt"
    );
    let list = ExclusionList::parse(&std::fs::read_to_string(list).unwrap());
    assert!(list.len() >= 90);
    for file in ["blends/blends.json", "blends_sky/blends_sky.json"] {
        let Some(path) = shared(file) else {
            return;
        };
        let blends: Vec<serde_json::Value> =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for blend in &blends {
            for galaxy in ["galaxy1", "galaxy2"] {
                let name = blend[galaxy].as_str().unwrap();
                assert!(list.contains(name), "{name}");
            }
        }
    }
}
