//! The wall that native commands of this machine get.

use sealock_broker::confine::Wall;

/// As the run's event has it.
pub(crate) fn event(wall: Wall, unconfined_network: bool) -> sealock_events::Wall {
    let text = wall.to_string();
    let made_of = text.split_once(": ").map_or("", |(_, parts)| parts).split(", ").map(str::to_owned).collect();
    sealock_events::Wall { tier: wall.tier, made_of, unconfined_network }
}

/// One line for people.
pub(crate) fn words(wall: Wall) -> String {
    let wall = event(wall, false);
    format!("tier {} ({})", wall.tier, wall.made_of.join(", "))
}
