//! A sign of life on stderr, for work that takes long enough to be noticed.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Shorter work shows nothing.
const PATIENCE: Duration = Duration::from_millis(300);

/// Shows a text while it is alive. Nothing is shown where stderr is not a terminal.
pub(crate) struct Progress {
    done: Option<mpsc::Sender<()>>,
    shown: Option<JoinHandle<()>>,
}

impl Progress {
    pub(crate) fn start(text: &'static str) -> Self {
        if !console::user_attended_stderr() {
            return Self { done: None, shown: None };
        }
        let (done, wait) = mpsc::channel::<()>();
        let shown = std::thread::Builder::new().spawn(move || {
            if wait.recv_timeout(PATIENCE) != Err(mpsc::RecvTimeoutError::Timeout) {
                return;
            }
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.set_message(text);
            bar.enable_steady_tick(Duration::from_millis(100));
            // The sender is dropped when the work is done.
            let _ = wait.recv();
            bar.finish_and_clear();
        });
        Self { done: Some(done), shown: shown.ok() }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done.take();
        if let Some(shown) = self.shown.take() {
            let _ = shown.join();
        }
    }
}
