//! doorward: frameworks
