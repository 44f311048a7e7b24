//! Draws the progress bar: bytes done, rate and remaining time, on a terminal, for work of more
//! than about a second.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::demo::{format_count, format_rate, format_size};

/// Bytes written, or read by verbs that write nothing.
static BYTES: AtomicU64 = AtomicU64::new(0);
static FILES: AtomicU64 = AtomicU64::new(0);
/// Whether drawing has ended.
static HIDDEN: AtomicBool = AtomicBool::new(false);
/// What is drawn at the moment.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// What there is to do, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Total {
    pub(crate) bytes: Option<u64>,
    /// Known for directories.
    pub(crate) files: Option<u64>,
}

/// Counts bytes that are done.
pub(crate) fn add_bytes(bytes: usize) {
    BYTES.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
}

/// Counts a file that is done.
pub(crate) fn add_file() {
    FILES.fetch_add(1, Ordering::Relaxed);
}

/// Stops drawing, because the terminal shows the output itself.
pub(crate) fn hide() {
    HIDDEN.store(true, Ordering::Relaxed);
}

/// Draws nothing while a question is on the terminal.
pub(crate) fn without_bar<T>(ask: impl FnOnce() -> T) -> T {
    let was_hidden = HIDDEN.swap(true, Ordering::Relaxed);
    if let Some(bar) = bar().take() {
        bar.finish_and_clear();
    }
    let answer = ask();
    HIDDEN.store(was_hidden, Ordering::Relaxed);
    answer
}

/// Removes the bar for good.
pub(crate) fn clear() {
    hide();
    if let Some(bar) = bar().take() {
        bar.finish_and_clear();
    }
}

/// Writes a line without tearing the bar.
pub(crate) fn suspend_bar<T>(write: impl FnOnce() -> T) -> T {
    match &*bar() {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Draws until it is dropped.
pub(crate) struct Progress {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Starts drawing after a second, if the work is not done by then. Only then `total` is called.
    pub(crate) fn start(total: impl FnOnce() -> Total + Send + 'static) -> Self {
        let (end, ended) = mpsc::channel();
        let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
            let start = Instant::now();
            if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let total = total();
                draw(total, start);
                while ended.recv_timeout(BETWEEN) == Err(RecvTimeoutError::Timeout) {
                    draw(total, start);
                }
            }
            clear();
        });
        // Without a thread there is no bar, and the work goes on.
        Self { end: Some(end), thread: thread.ok() }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn draw(total: Total, start: Instant) {
    let mut shown = bar();
    if HIDDEN.load(Ordering::Relaxed) {
        return;
    }
    let bar = shown.get_or_insert_with(|| new_bar(total));
    let bytes = BYTES.load(Ordering::Relaxed);
    bar.set_position(bytes);
    bar.set_message(outcome(total, bytes, FILES.load(Ordering::Relaxed), start.elapsed()));
    bar.tick();
}

fn new_bar(total: Total) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total.bytes, ProgressDrawTarget::stderr());
    let template = if total.bytes.is_some() { "{percent:>3}% {wide_bar} {msg}" } else { "{msg}" };
    // The templates parse; were one wrong, the bar would have a form of its own.
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// `1.2 GB of 4.0 GB, 310.5 MB/s, 9s left, 12 of 40 files`; the rate is that of the whole run, so
/// that it does not jump.
fn outcome(total: Total, bytes: u64, files: u64, took: Duration) -> String {
    let mut text = format_size(bytes);
    if let Some(all) = total.bytes {
        text.push_str(&format!(" of {}", format_size(all)));
    }
    text.push_str(&format!(", {}", format_rate(bytes, took)));
    if let Some(left) = total.bytes.and_then(|all| remaining(all, bytes, took)) {
        text.push_str(&format!(", {left} left"));
    }
    if let Some(all) = total.files {
        text.push_str(&format!(", {} of {} files", format_count(files), format_count(all)));
    }
    text
}

fn remaining(all: u64, bytes: u64, took: Duration) -> Option<String> {
    let left = u128::from(all.saturating_sub(bytes)) * took.as_millis();
    let seconds = left.checked_div(u128::from(bytes))?.div_ceil(1_000);
    Some(match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3_600, seconds % 3_600 / 60),
    })
}

fn bar() -> MutexGuard<'static, Option<ProgressBar>> {
    BAR.lock().unwrap_or_else(PoisonError::into_inner)
}

const PATIENCE: Duration = Duration::from_secs(1);
const BETWEEN: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_remaining_time_are_told() {
        let total = Total { bytes: Some(4_000_000_000), files: Some(1_200) };
        let text = outcome(total, 1_000_000_000, 7, Duration::from_secs(30));
        assert_eq!(text, "1.0 GB of 4.0 GB, 33.3 MB/s, 1m 30s left, 7 of 1,200 files");
        assert_eq!(
            outcome(Total::default(), 50_000, 0, Duration::from_secs(2)),
            "50.0 kB, 25.0 kB/s"
        );
    }
}
