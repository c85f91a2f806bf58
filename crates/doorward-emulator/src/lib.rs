//! doorward: emulator
