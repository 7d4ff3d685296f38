//! Links every interface, once, for all components.
//!
//! Every interface is always linked: toolchains import whole worlds, used or not. What a step was not granted
//! answers `denied`.

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Engine, Result};
use wasmtime_wasi::WasiView as _;
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView as _};
use wasmtime_wasi::p2::bindings::{LinkOptions, cli, clocks, filesystem, io, random, sockets};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView as _};

use crate::bindings::EveryImport;
use crate::capability::files::{self, Files};
use crate::state::StepState;

/// The one linker of an engine.
pub(crate) fn link(engine: &Engine) -> Result<Linker<StepState>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    EveryImport::add_to_linker::<_, HasSelf<StepState>>(l, |state| state)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(l)?;
    filesystem::types::add_to_linker::<_, Files>(l, files::view)?;
    filesystem::preopens::add_to_linker::<_, Files>(l, files::view)?;
    link_streams(l)?;
    link_time_and_dice(l)?;
    link_cli(l)?;
    link_sockets(l)?;
    Ok(linker)
}

fn link_streams(l: &mut Linker<StepState>) -> Result<()> {
    io::error::add_to_linker::<_, HasSelf<_>>(l, |t| &mut t.table)?;
    io::poll::add_to_linker::<_, HasSelf<_>>(l, |t| &mut t.table)?;
    io::streams::add_to_linker::<_, HasSelf<_>>(l, |t| &mut t.table)
}

fn link_time_and_dice(l: &mut Linker<StepState>) -> Result<()> {
    clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, StepState::clocks)?;
    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, StepState::clocks)?;
    random::random::add_to_linker::<_, WasiRandom>(l, |state| state.ctx().ctx.random())?;
    random::insecure::add_to_linker::<_, WasiRandom>(l, |state| state.ctx().ctx.random())?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(l, |state| state.ctx().ctx.random())
}

fn link_cli(l: &mut Linker<StepState>) -> Result<()> {
    cli::exit::add_to_linker::<_, WasiCli>(l, StepState::cli)?;
    cli::environment::add_to_linker::<_, WasiCli>(l, StepState::cli)?;
    cli::stdin::add_to_linker::<_, WasiCli>(l, StepState::cli)?;
    cli::stdout::add_to_linker::<_, WasiCli>(l, StepState::cli)?;
    cli::stderr::add_to_linker::<_, WasiCli>(l, StepState::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(l, StepState::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(l, StepState::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, StepState::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, StepState::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, StepState::cli)
}

/// Linked because standard libraries import them; none is ever allowed to open, bind, or look up.
fn link_sockets(l: &mut Linker<StepState>) -> Result<()> {
    let options = LinkOptions::default();
    sockets::network::add_to_linker::<_, WasiSockets>(l, &(&options).into(), StepState::sockets)?;
    sockets::instance_network::add_to_linker::<_, WasiSockets>(l, StepState::sockets)?;
    sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(l, StepState::sockets)?;
    sockets::tcp::add_to_linker::<_, WasiSockets>(l, StepState::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(l, StepState::sockets)?;
    sockets::udp::add_to_linker::<_, WasiSockets>(l, StepState::sockets)?;
    sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(l, StepState::sockets)
}
