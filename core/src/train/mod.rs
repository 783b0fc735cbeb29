//! Training of deblenders: data, objective, schedule.

pub mod data;
