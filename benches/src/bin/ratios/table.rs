//! Rows as people and programs read them.

use keystead_benches::paired::{Comparison, Quartiles};
use serde_json::{Value, json};

/// What a row must reach, if anything.
#[derive(Clone, Copy)]
pub enum Goal {
    /// Our speed over the other's.
    AtLeast(f64),
    /// Our time over the other's.
    AtMost(f64),
    /// Our time alone, in milliseconds.
    Milliseconds(f64),
    /// Our speed over the other's, for looking.
    None,
}

impl Goal {
    /// The figure that counts, which way, and the limit.
    fn of(self, measured: &Comparison) -> (Quartiles, &'static str, Option<f64>) {
        match self {
            Self::AtLeast(limit) => (measured.cost.inverse(), ">=", Some(limit)),
            Self::AtMost(limit) => (measured.cost, "<=", Some(limit)),
            Self::Milliseconds(limit) => (measured.ours.times(1e3), "<=", Some(limit)),
            Self::None => (measured.cost.inverse(), "", None),
        }
    }
}

/// Seconds as people read them.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.3} us", s * 1e6),
        s => format!("{:.3} ms", s * 1e3),
    }
}

pub struct Table {
    words: Vec<String>,
    rows: Vec<Value>,
    missed: usize,
}

impl Table {
    pub fn new(words: Vec<String>) -> Self {
        println!(
            "{:34} {:34} {:>9} {:>7} {:>15} {:>10} {:>10} {:>7}",
            "work", "against", "goal", "median", "quartiles", "ours", "other", "quiet"
        );
        Self { words, rows: Vec::new(), missed: 0 }
    }

    /// Measures a row, if it is asked for.
    pub fn row(
        &mut self,
        work: &str,
        against: &str,
        goal: Goal,
        measure: impl FnOnce() -> Comparison,
    ) {
        if !self.words.is_empty() && !self.words.iter().any(|word| work.contains(word)) {
            return;
        }
        let measured = measure();
        let (ratio, sign, limit) = goal.of(&measured);
        let met = limit.map(|limit| match sign {
            ">=" => ratio.median >= limit,
            _ => ratio.median <= limit,
        });
        let verdict = match met {
            Some(true) => "pass",
            Some(false) => "MISS",
            None => "",
        };
        self.missed += usize::from(met == Some(false));
        let unit = if matches!(goal, Goal::Milliseconds(_)) { "ms" } else { "" };
        let goal = limit.map_or(String::new(), |limit| format!("{sign} {limit} {unit}"));
        let (ours, other) = (measured.ours.median, measured.other.median);
        println!(
            "{work:34} {against:34} {goal:>9} {:>7.3} {:>7.3}-{:<7.3} {:>10} {:>10} {:>3}/{:<3} {verdict}",
            ratio.median,
            ratio.low,
            ratio.high,
            time(ours),
            time(other),
            measured.quiet,
            measured.rounds,
        );
        self.rows.push(json!({
            "work": work,
            "against": against,
            "goal": limit,
            "sign": sign,
            "unit": if unit.is_empty() { "ratio" } else { unit },
            "quartiles": [ratio.low, ratio.median, ratio.high],
            "ours_seconds": ours,
            "other_seconds": other,
            "rounds": measured.rounds,
            "quiet_rounds": measured.quiet,
            "met": met,
        }));
    }

    pub fn end(&self) {
        println!("{} rows, {} missed", self.rows.len(), self.missed);
    }

    pub fn json(self) -> Value {
        Value::Array(self.rows)
    }
}
