//! Deliveries to real machines, judged from outside: by the registry's API, each target's own ssh, HTTP, and exit codes.

mod delivery {
    mod broken;
    mod by_hand;
    mod cable;
    mod data;
    mod effects;
    mod faults;
    mod good;
    mod held;
    mod kills;
    mod ludeng;
    mod outside;
    mod phases;
    mod strategies;
    mod support;
    mod sweep;
    mod workflow;
}
