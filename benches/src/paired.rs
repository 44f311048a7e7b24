//! Two works measured in turns, in short slices, so that what disturbs a shared machine meets both.

use std::time::{Duration, Instant};

/// Work on a state, done a number of times: the time that counts.
pub trait Work<S>: FnMut(&mut S, u64) -> Duration {}
impl<S, F: FnMut(&mut S, u64) -> Duration> Work<S> for F {}

/// All of `run` counts.
pub fn timed<S>(mut run: impl FnMut(&mut S)) -> impl Work<S> {
    move |state, times| {
        let start = Instant::now();
        (0..times).for_each(|_| run(state));
        start.elapsed()
    }
}

/// Before each `run`, `prepare` puts the state back; that does not count.
pub fn prepared<S>(mut prepare: impl FnMut(&mut S), mut run: impl FnMut(&mut S)) -> impl Work<S> {
    move |state, times| {
        let mut sum = Duration::ZERO;
        for _ in 0..times {
            prepare(state);
            let start = Instant::now();
            run(state);
            sum += start.elapsed();
        }
        sum
    }
}

/// How long to look.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    pub slice: Duration,
}

impl Effort {
    pub const FULL: Self = Self { rounds: 81, slice: Duration::from_millis(6) };
    pub const SHORT: Self = Self { rounds: 15, slice: Duration::from_millis(3) };
}

/// Time that this thread was ready to run and another ran instead, in nanoseconds. Zero for ever
/// where the kernel does not tell.
fn waited() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_whitespace().nth(1).and_then(|field| field.parse().ok()).unwrap_or(0)
}

/// Does `round` until as many rounds as wanted were quiet, at most three times as often: a round
/// in which others took more than a fiftieth of the time tells about them. Where hardly any was
/// quiet, all count.
fn quiet_rounds<T>(effort: Effort, mut round: impl FnMut(usize) -> T) -> (Vec<T>, usize) {
    let (mut quiet, mut loud) = (Vec::new(), Vec::new());
    for number in 0..3 * effort.rounds {
        let (start, before) = (Instant::now(), waited());
        let result = round(number);
        let lost = Duration::from_nanos(waited() - before);
        if lost * 50 <= start.elapsed() {
            quiet.push(result)
        } else {
            loud.push(result)
        }
        if quiet.len() == effort.rounds {
            break;
        }
    }
    let count = quiet.len();
    if count < effort.rounds / 4 {
        quiet.append(&mut loud);
    }
    (quiet, count)
}

/// The quartiles of a sample.
#[derive(Clone, Copy, Debug)]
pub struct Quartiles {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Quartiles {
    fn of(mut sample: Vec<f64>) -> Self {
        sample.sort_by(f64::total_cmp);
        let at = |part: usize| sample[(sample.len() - 1) * part / 4];
        Self { low: at(1), median: at(2), high: at(3) }
    }

    /// In another unit.
    pub fn times(self, factor: f64) -> Self {
        let Self { low, median, high } = self;
        Self { low: low * factor, median: median * factor, high: high * factor }
    }

    /// One over each: cost becomes speed.
    pub fn inverse(self) -> Self {
        Self { low: 1.0 / self.high, median: 1.0 / self.median, high: 1.0 / self.low }
    }
}

/// Our time over the other's, and both in seconds for one time.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    pub cost: Quartiles,
    pub ours: Quartiles,
    pub other: Quartiles,
    /// Rounds that counted, and how many of them were quiet.
    pub rounds: usize,
    pub quiet: usize,
}

/// Slices of `ours` and `other` in turns; each round begins with the one that ended the last. The
/// ratio is taken within each round.
pub fn compare<S>(
    effort: Effort,
    state: &mut S,
    mut ours: impl Work<S>,
    mut other: impl Work<S>,
) -> Comparison {
    let our_times = times(effort, state, &mut ours);
    let other_times = times(effort, state, &mut other);
    let each = |state: &mut S, work: &mut dyn FnMut(&mut S, u64) -> Duration, times: u64| {
        work(state, times).as_secs_f64() / times as f64
    };
    let (rounds, quiet) = quiet_rounds(effort, |round| {
        if round % 2 == 0 {
            let a = each(state, &mut ours, our_times);
            (a, each(state, &mut other, other_times))
        } else {
            let b = each(state, &mut other, other_times);
            (each(state, &mut ours, our_times), b)
        }
    });
    let of = |pick: fn(&(f64, f64)) -> f64| Quartiles::of(rounds.iter().map(pick).collect());
    Comparison {
        cost: of(|(ours, other)| ours / other),
        ours: of(|(ours, _)| *ours),
        other: of(|(_, other)| *other),
        rounds: rounds.len(),
        quiet,
    }
}

/// One curve's work.
pub type Boxed<S> = Box<dyn FnMut(&mut S, u64) -> Duration>;

/// Seconds for one time of each work, in turns: for curves.
pub fn seconds<S>(effort: Effort, state: &mut S, works: &mut [Boxed<S>]) -> Vec<Quartiles> {
    let times: Vec<u64> = works.iter_mut().map(|work| times(effort, state, work)).collect();
    let (rounds, _) = quiet_rounds(effort, |_| {
        let mut each = |(work, times): (&mut Boxed<S>, &u64)| {
            work(state, *times).as_secs_f64() / *times as f64
        };
        works.iter_mut().zip(&times).map(&mut each).collect::<Vec<f64>>()
    });
    let curve = |work| Quartiles::of(rounds.iter().map(|round| round[work]).collect());
    (0..works.len()).map(curve).collect()
}

/// How often a slice takes; the search for it warms pages and caches.
fn times<S>(effort: Effort, state: &mut S, work: &mut impl Work<S>) -> u64 {
    let mut times = 1;
    work(state, times);
    loop {
        let took = work(state, times);
        if took >= effort.slice / 2 {
            let more = effort.slice.as_secs_f64() / took.as_secs_f64();
            return ((times as f64 * more).round() as u64).max(1);
        }
        times *= 2;
    }
}
