//! Makes the simulated stamps and the demonstration blends in `assets/`, from its Hubble stamps and the simulator.
//!
//! Run in the repository: `cargo run --release -p ganoscope-core --example make_demo_blends`. Everything is seeded: the same
//! Hubble stamps give the same files. Each blend is a gzipped FITS file with the extensions BLEND, GALAXY1, GALAXY2 (3 x 80 x 80,
//! range 0 to 1, 8-bit levels as in survey pictures) and FILL, and a PNG of the blend for people.

use std::error::Error;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};
use ganoscope_core::seed::Stream;
use ganoscope_core::stamp::blend::{BlendRecipe, Fill, Perturbation, Resolution, blend};
use ganoscope_core::stamp::io::{self, Format};
use ganoscope_core::stamp::simulate::simulate;
use ganoscope_core::stamp::{Card, Stamp, ValueRange};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Seed of the simulated galaxies and of the perturbations.
const SEED: u64 = 2026;
/// Side of a simulated picture that is moved: wide enough that the stamp stays covered at most scales.
const WIDE: usize = 142;

/// A galaxy of a demonstration blend.
#[derive(Clone, Copy)]
enum Galaxy {
    /// The Hubble stamp of this number.
    Hubble(usize),
    /// The simulated galaxy of this index.
    Simulated(u64),
}
use Galaxy::{Hubble, Simulated};

/// Both galaxies of each blend, chosen by eye.
const BLENDS: [(Galaxy, Galaxy); 8] = [
    (Hubble(5), Simulated(26)),
    (Hubble(1), Hubble(10)),
    (Simulated(2), Hubble(8)),
    (Hubble(13), Simulated(14)),
    (Simulated(24), Simulated(43)),
    (Hubble(15), Simulated(66)),
    (Simulated(78), Hubble(2)),
    (Simulated(75), Simulated(34)),
];
/// Simulated galaxies that ship as stamps of their own.
const STAMPS: [u64; 4] = [2, 14, 24, 78];
/// Galaxy 2 is drawn again until it keeps at least this share of its size, so that people see it well.
const SMALLEST: f64 = 0.7;

fn main() -> Result<()> {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets");
    for (number, index) in STAMPS.iter().enumerate() {
        let path = assets.join(format!("stamps/simulated-{:02}.png", number + 1));
        io::write(&path, &[simulate(SEED, *index, 80).stamp], Format::Png, &[])?;
    }
    let hubble = hubble_stamps(&assets.join("stamps"))?;
    for (number, (one, two)) in BLENDS.into_iter().enumerate() {
        let path = assets.join(format!("blends/demo-{:02}.fits.gz", number + 1));
        make(&path, &hubble, [one, two], number as u64)?;
    }
    Ok(())
}

/// The Hubble stamps by number.
fn hubble_stamps(folder: &Path) -> Result<Vec<Stamp>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| io::stem(path).starts_with("hubble-"))
        .collect();
    paths.sort();
    if paths.len() != 16 {
        return Err(
            "16 Hubble stamps are needed; make them with assets/make_hubble_stamps.py".into(),
        );
    }
    let read = |path: &PathBuf| Ok(io::read_one(path, None)?);
    paths.iter().map(read).collect()
}

fn picture(galaxy: Galaxy, hubble: &[Stamp], side: usize) -> Stamp {
    match galaxy {
        Hubble(number) => hubble[number - 1].clone(),
        Simulated(index) => simulate(SEED, index, side).stamp,
    }
}

fn make(path: &Path, hubble: &[Stamp], [one, two]: [Galaxy; 2], item: u64) -> Result<()> {
    let mut stream = Stream::for_item(SEED, item);
    let mut moved = Perturbation::draw(&mut stream);
    while moved.scale < SMALLEST {
        moved = Perturbation::draw(&mut stream);
    }
    let recipe = BlendRecipe {
        feather: 6.0,
        ..BlendRecipe::published(Resolution::Reduced, Fill::Sky)
    };
    let still = BlendRecipe {
        feather: 0.0,
        ..recipe
    };
    let first = picture(one, hubble, 80);
    let second = picture(two, hubble, WIDE);
    let truth1 = still
        .warp(&first, &Perturbation::IDENTITY, &mut stream)?
        .stamp;
    let warped = recipe.warp(&second, &moved, &mut stream)?;
    // 8-bit levels as in survey pictures; they also pack well.
    let levels = |stamp: &Stamp| -> Vec<f32> {
        let level = |v: &f32| (v.clamp(0.0, 1.0) * 255.0).round() / 255.0;
        stamp.pixels.iter().map(level).collect()
    };
    let named =
        |name: &str, stamp: &Stamp| Stamp::new(name, levels(stamp), stamp.dims(), ValueRange::UNIT);
    let (truth1, truth2) = (named("GALAXY1", &truth1), named("GALAXY2", &warped.stamp));
    let mixed = named("BLEND", &blend(&truth1, &truth2)?);
    let fill: Vec<f32> = warped
        .fill_mask
        .iter()
        .map(|f| f32::from(u8::from(*f)))
        .collect();
    let fill = Stamp::new("FILL", fill, [1, 80, 80], ValueRange::UNIT);
    let cards = [
        Card::text("GAL1", &*first.name).with_comment("galaxy 1"),
        Card::text("GAL2", &*second.name).with_comment("galaxy 2"),
        Card::value("ROT", moved.rotation).with_comment("rotation of galaxy 2, radians"),
        Card::value("SCALE", moved.scale).with_comment("magnification of galaxy 2"),
        Card::value("FLIPV", if moved.flip_v { "T" } else { "F" }),
        Card::value("FLIPH", if moved.flip_h { "T" } else { "F" }),
        Card::value("DX", moved.dx).with_comment("shift along columns, full-size pixels"),
        Card::value("DY", moved.dy).with_comment("shift along rows, full-size pixels"),
        Card::text("CREDIT", credit(one, two)),
    ];
    let preview = path.with_extension("").with_extension("png");
    io::write(&preview, std::slice::from_ref(&mixed), Format::Png, &[])?;
    write_gzipped(path, &[mixed, truth1, truth2, fill], &cards)
}

fn credit(one: Galaxy, two: Galaxy) -> &'static str {
    match (one, two) {
        (Simulated(_), Simulated(_)) => "simulated",
        _ => "NASA, ESA, XDF and HUDF09 teams (see assets/README.md)",
    }
}

/// Writes FITS through a temporary file, because the writer writes plain files.
fn write_gzipped(path: &Path, stamps: &[Stamp], cards: &[Card]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let plain = folder.path().join("plain.fits");
    io::write(&plain, stamps, Format::Fits, cards)?;
    let mut packed = GzEncoder::new(File::create(path)?, Compression::best());
    packed.write_all(&std::fs::read(&plain)?)?;
    packed.finish()?;
    Ok(())
}
