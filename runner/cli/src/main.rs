//! Sealock's command line: arguments, environment, exit codes, wiring.
fn main() {}
