//! The progress bar: bytes done, their rate, the remaining time. On a terminal, for work over about a second.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Bytes written, or read by verbs that write nothing.
static BYTES: AtomicU64 = AtomicU64::new(0);
static FILES: AtomicU64 = AtomicU64::new(0);
/// Nothing is drawn any more.
static HIDDEN: AtomicBool = AtomicBool::new(false);
/// What is drawn at the moment.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// What there is to do, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Total {
    pub(crate) bytes: Option<u64>,
    /// Told for folders.
    pub(crate) files: Option<u64>,
}

/// Counts bytes that are done.
pub(crate) fn add(bytes: usize) {
    BYTES.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
}

/// Counts a file that is done.
pub(crate) fn add_file() {
    FILES.fetch_add(1, Ordering::Relaxed);
}

/// Takes bytes of verbs that write nothing.
pub(crate) struct Sink;

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A terminal shows the output itself, and no bar across it.
pub(crate) fn hide() {
    HIDDEN.store(true, Ordering::Relaxed);
}

/// Takes the bar away for good.
pub(crate) fn clear() {
    hide();
    if let Some(bar) = bar().take() {
        bar.finish_and_clear();
    }
}

/// Writes a line without tearing the bar.
pub(crate) fn beside<T>(write: impl FnOnce() -> T) -> T {
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
    /// Begins to draw after a second, if it is not done by then.
    pub(crate) fn start(total: Total) -> Self {
        let (end, ended) = mpsc::channel();
        let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
            let mut wait = PATIENCE;
            while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                wait = BETWEEN;
                draw(total);
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

fn draw(total: Total) {
    let mut shown = bar();
    if HIDDEN.load(Ordering::Relaxed) {
        return;
    }
    let bar = shown.get_or_insert_with(|| new_bar(total));
    bar.set_position(BYTES.load(Ordering::Relaxed));
    if let Some(files) = total.files {
        bar.set_message(format!("{} of {files} files", FILES.load(Ordering::Relaxed)));
    }
}

fn new_bar(total: Total) -> ProgressBar {
    let target = ProgressDrawTarget::stderr();
    let (bar, template) = match total.bytes {
        Some(bytes) => (
            ProgressBar::with_draw_target(Some(bytes), target),
            "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left {msg}",
        ),
        None => (ProgressBar::with_draw_target(None, target), "{bytes}, {bytes_per_sec} {msg}"),
    };
    // The templates parse; were one wrong, the bar would have a form of its own.
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    // The second that passed counts for the rate.
    bar.with_elapsed(PATIENCE)
}

fn bar() -> MutexGuard<'static, Option<ProgressBar>> {
    BAR.lock().unwrap_or_else(PoisonError::into_inner)
}

const PATIENCE: Duration = Duration::from_secs(1);
const BETWEEN: Duration = Duration::from_millis(200);
