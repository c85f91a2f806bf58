//! Threads on which deep recursion is safe.

/// Code nested deeper than people nest could exhaust a normal stack.
const SIZE: usize = 1024 * 1024 * 1024;

/// Runs `work`, and what it does in parallel, where deep recursion is safe. `None`: no thread could be started.
pub(crate) fn with_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    let pool = rayon::ThreadPoolBuilder::new().stack_size(SIZE).build().ok()?;
    Some(pool.install(work))
}
