//! What the numbers of a measurement mean: a row tells its figures, and the report prints their units.
//!
//! Most rows have one figure, nanoseconds per operation. Where that would hide what a row is about (how late a tick
//! is, how much memory a parked task takes) the row names its own.

/// One number of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What is counted; empty where the row's name says it all.
    pub name: &'static str,
    /// In what.
    pub unit: &'static str,
    /// Whether more is better; less is, else.
    pub more_is_better: bool,
}

impl Figure {
    /// Less is better.
    pub const fn cost(name: &'static str, unit: &'static str) -> Self {
        Figure {
            name,
            unit,
            more_is_better: false,
        }
    }

    /// More is better.
    pub const fn gain(name: &'static str, unit: &'static str) -> Self {
        Figure {
            name,
            unit,
            more_is_better: true,
        }
    }
}

/// The one figure of most rows.
pub const PER_OPERATION: Figure = Figure::cost("", "ns/op");
