//! Evolutionary training: generators are mutated by several objectives against one discriminator, judged by quality and
//! diversity, and the best survive (Wang et al. 2019, IEEE TEVC 23:921, arXiv:1803.00657).
//!
//! Invariant: a child is made of its parent alone, whatever became of its siblings; what happens depends on the seed and
//! nothing else, and an interrupted run goes on exactly.

mod fitness;
mod individual;
mod lineage;
mod mutation;
mod selection;
mod store;

pub mod deblender;

pub use fitness::{Fitness, Measures, Quality, Window};
pub use lineage::{ChildRecord, GenerationRecord, LINEAGE_FILE, Lineage, Origin};
pub use mutation::{LeastSquaresOn, Mutation};

pub(super) use fitness::{NORM_FLOOR, gradient_norm};
pub(super) use individual::{Individual, StepSize, averaged};
pub(super) use lineage::LineageWriter;
pub(super) use selection::survivors;
pub(super) use store::{StateReader, StateWriter, fingerprint};
