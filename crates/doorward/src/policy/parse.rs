//! Policy text to policy.
