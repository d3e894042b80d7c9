//! Times a workload: warm up, choose the number of operations, time them once.

use std::time::{Duration, Instant};

/// A warm-up run that took this long tells the speed well enough.
const WARM: Duration = Duration::from_millis(20);

/// How much to do.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// As many operations as take about this long, after a warm-up.
    Time(Duration),
    /// Exactly so many, cold: for a tool that counts instructions.
    Ops(u64),
}

/// What a measurement is told besides its workload.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Workers of the runtime.
    pub procs: usize,
    /// Size of the values in channels.
    pub bytes: usize,
    /// How much to do.
    pub budget: Budget,
}

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// One number for each of [`Work::figures`](super::Work::figures), in their order.
    pub figures: Vec<f64>,
    /// Operations timed.
    pub ops: u64,
}

impl Reading {
    /// The line that a measuring process prints: the figures, and the operations last.
    pub fn line(&self) -> String {
        let figures: String = self.figures.iter().map(|f| format!("{f:.3} ")).collect();
        format!("{figures}{}", self.ops)
    }

    /// Reads such a line, which must have so many figures.
    pub fn parse(line: &str, figures: usize) -> Option<Reading> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (ops, numbers) = words.split_last()?;
        let read: Option<Vec<f64>> = numbers.iter().map(|word| word.parse().ok()).collect();
        Some(Reading {
            figures: read.filter(|read| read.len() == figures)?,
            ops: ops.parse().ok()?,
        })
    }
}

/// Measures `work`, which does about as many operations as it is told and returns how many it did.
///
/// # Errors
///
/// The workload's own, at once.
pub async fn measure<F, W>(budget: Budget, mut work: W) -> Result<Reading, String>
where
    W: FnMut(u64) -> F + Send,
    F: Future<Output = Result<u64, String>> + Send,
{
    let ops = match budget {
        Budget::Ops(ops) => ops,
        Budget::Time(target) => {
            let mut ops = 64;
            loop {
                let start = Instant::now();
                let done = work(ops).await?;
                let took = start.elapsed();
                if took >= WARM {
                    let share = target.as_secs_f64() / took.as_secs_f64();
                    break ((done as f64 * share) as u64).max(1);
                }
                ops *= 2;
            }
        }
    };
    let start = Instant::now();
    let done = work(ops).await?;
    let took = start.elapsed();
    Ok(Reading {
        figures: vec![took.as_nanos() as f64 / done as f64],
        ops: done,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back_as_it_was_written() {
        let reading = Reading {
            figures: vec![12.5, 0.0, 1e6],
            ops: 7,
        };
        assert_eq!(Reading::parse(&reading.line(), 3), Some(reading));
    }

    #[test]
    fn a_line_with_another_number_of_figures_is_refused() {
        assert_eq!(Reading::parse("1.0 2.0 7", 1), None);
        assert_eq!(Reading::parse("7", 1), None);
        assert_eq!(Reading::parse("soon 7", 1), None);
        assert_eq!(Reading::parse("", 0), None);
    }
}
