//! A thread on which deep recursion is safe.

/// Code nested deeper than people nest could exhaust a normal stack.
const SIZE: usize = 1024 * 1024 * 1024;

/// Runs `work` where deep recursion is safe. `None`: no thread could be started.
pub(crate) fn with_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(SIZE).spawn_scoped(scope, work).ok()?;
        match thread.join() {
            Ok(done) => Some(done),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Threads on which deep recursion is safe, as many as there are cores.
pub(crate) fn pool() -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new().stack_size(SIZE).build()
}
