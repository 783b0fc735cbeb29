//! A hundred attributions in a row leave no memory behind.

#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::sync::atomic::{AtomicIsize, Ordering};

use candle_core::{Device, Tensor};
use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, discriminator, generator,
};
use ganoscope_core::attribution::{
    Flipping, Method, Options, Pole, Prepared, Target, Through, ThroughSettings, attribute,
};
use ganoscope_core::checkpoint::procedural_weights;
use ganoscope_core::network::Network;

struct Counting;

/// Bytes that are allocated and not given back.
static HELD: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call is passed on unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the contract is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the contract is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Half of what a hundred kept maps would be.
const FEW: isize = 100 * (2 << 10);

/// Bytes held after a hundred times, beyond those after a few times.
fn growth(mut work: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<isize, Box<dyn Error>> {
    // A thread takes its working memory once.
    for _ in 0..20 {
        work()?;
    }
    let before = HELD.load(Ordering::Relaxed);
    for _ in 0..100 {
        work()?;
    }
    Ok(HELD.load(Ordering::Relaxed) - before)
}

fn networks() -> Result<(Network, Network), Box<dyn Error>> {
    let draws = GeneratorConfig {
        filters: 4,
        root_blocks: 1,
        branch_blocks: 1,
        stamp_size: 16,
        ..GeneratorConfig::default()
    };
    let judges = DiscriminatorConfig {
        filters: 4,
        dense: 8,
        stamp_size: 16,
        ..DiscriminatorConfig::default()
    };
    Ok((
        generator(&draws, procedural_weights(3))?,
        discriminator(&judges, procedural_weights(4))?,
    ))
}

// One test, because the count is that of the whole process.
#[test]
fn a_hundred_attributions_leave_no_memory_behind() -> Result<(), Box<dyn Error>> {
    // On one thread: of several it is chance which takes part first, and takes its working memory, when.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    Ok(pool.install(|| leave_no_memory_behind().map_err(|error| error.to_string()))?)
}

fn leave_no_memory_behind() -> Result<(), Box<dyn Error>> {
    let (generator, judge) = networks()?;
    let x = [Tensor::full(0.3_f32, (1, 3, 16, 16), &Device::Cpu)?];
    let (options, target) = (Options::default(), Target::default());
    let mut methods = Method::all();
    methods.push(Method::Polarized { pole: Pole::Both });
    for method in methods {
        let prepared = Prepared::new(&judge, &method, &options)?;
        let bytes = growth(|| {
            prepared.attribute(&x, &target)?;
            Ok(())
        })?;
        eprintln!("{method}: {bytes} bytes");
        assert!(bytes < FEW, "{method}: {bytes} bytes after a hundred maps");
    }
    let polarized = Method::Polarized { pole: Pole::Auto };
    let bytes = growth(|| {
        attribute(&judge, &x, &polarized, &target, &options)?;
        Ok(())
    })?;
    assert!(bytes < FEW, "prepared anew each time: {bytes} bytes");
    let settings = ThroughSettings::default();
    let prepared = Prepared::new(&judge, &polarized, &options)?;
    let through = Through::new(&generator, prepared, settings)?;
    let bytes = growth(|| {
        through.attribute(&x, &[])?;
        Ok(())
    })?;
    assert!(bytes < FEW, "through the generator: {bytes} bytes");
    let flipping = Flipping {
        steps: 4,
        random_orders: 1,
        ..Flipping::default()
    };
    let bytes = growth(|| {
        flipping.curves(&judge, &x, &x[0], &target)?;
        Ok(())
    })?;
    assert!(bytes < FEW, "pixel flipping: {bytes} bytes");
    // The count sees what is kept.
    let mut kept = Vec::new();
    let prepared = Prepared::new(&judge, &polarized, &options)?;
    let bytes = growth(|| {
        kept.push(prepared.attribute(&x, &target)?);
        Ok(())
    })?;
    assert!(bytes > FEW, "a hundred kept maps are seen: {bytes} bytes");
    Ok(())
}
