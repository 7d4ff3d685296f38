//! `git`: comes with a later version; every call says so.

use wasmtime::component::Resource;

use super::secrets::Secret;
use crate::bindings::sealock::step::base;
use crate::bindings::sealock::step::git::{Host, HostCheckout};
use crate::convert::not_yet;
use crate::state::StepState;

/// A checkout that is not made.
pub struct Checkout;

impl Host for StepState {}

impl HostCheckout for StepState {
    fn new(&mut self, _: String, _: String, _: String) -> wasmtime::Result<Resource<Checkout>> {
        Ok(self.table.push(Checkout)?)
    }

    fn depth(&mut self, _: Resource<Checkout>, _: u32) -> wasmtime::Result<()> {
        Ok(())
    }

    fn submodules(&mut self, _: Resource<Checkout>) -> wasmtime::Result<()> {
        Ok(())
    }

    fn token(&mut self, _: Resource<Checkout>, _: Resource<Secret>) -> wasmtime::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _: Resource<Checkout>) -> wasmtime::Result<Result<String, base::Error>> {
        Ok(Err(not_yet("git")))
    }

    fn drop(&mut self, checkout: Resource<Checkout>) -> wasmtime::Result<()> {
        self.table.delete(checkout)?;
        Ok(())
    }
}
