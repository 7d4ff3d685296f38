//! Every target at once, each as Compose sees fit.

use sealock_sdk::Error;

use super::Exchange;
use crate::script::Roll;

pub(super) fn run(exchange: &Exchange<'_>, switched: &mut Vec<String>) -> Result<Option<String>, Error> {
    let all: Vec<_> = exchange.ready.iter().collect();
    switched.extend(Exchange::names(&all));
    let problems = exchange.switch(&all, &Roll::default())?;
    Ok((!problems.is_empty()).then(|| problems.join("\n")))
}
