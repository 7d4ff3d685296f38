//! So many targets at once; on each, one replica of a service after the other. A replica is exchanged only when every one
//! before it is healthy, and between two batches of targets the verifiers are asked.

use sealock_rollout::in_batches;
use sealock_sdk::Error;

use super::Exchange;
use crate::deployment::Ready;

pub(super) fn run(exchange: &Exchange<'_>, batch: usize, switched: &mut Vec<String>) -> Result<Option<String>, Error> {
    let roll = exchange.one_by_one();
    let switch = |batch: &[Ready<'_>]| exchange.switch(&batch.iter().collect::<Vec<_>>(), &roll);
    in_batches(exchange.fleet, exchange.ready, batch, &switch, switched)
}
