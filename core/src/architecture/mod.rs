//! Known network architectures, built from parameters.

mod deblender;

pub use deblender::{
    DiscriminatorConfig, GeneratorConfig, PaddingConvention, PreluKind, discriminator, generator,
    position_channels,
};
