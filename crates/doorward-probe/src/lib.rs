//! doorward: probe
