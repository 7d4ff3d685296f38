use std::net::{TcpStream, ToSocketAddrs};

use sealock_sdk::http::Request;
use sealock_sdk::{Error, Outcome, Step};

/// `at` is a URL, and a method before it where it is not GET.
pub(crate) fn get(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    let (method, url) = at.split_once(' ').unwrap_or(("GET", at));
    let response = Request::new(method, url).header("x-test", "1").body("question").send()?;
    let (status, header) = (response.status(), response.header("x-answer").unwrap_or_default());
    Ok(Outcome::Failed(format!("{status} {header} {}", response.text()?.len())))
}

pub(crate) fn headers(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    let mut request = Request::get(at);
    for number in 0..1_000_000 {
        request = request.header(&format!("x-{number}"), "y");
    }
    Ok(Outcome::Failed(format!("{}", request.send()?.status())))
}

pub(crate) fn big_body(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    let response = Request::post(at, vec![7; 17 << 20]).send()?;
    Ok(Outcome::Failed(format!("{}", response.status())))
}

pub(crate) fn socket(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    TcpStream::connect(at)?;
    Ok(Outcome::Failed("connected".to_owned()))
}

pub(crate) fn lookup(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    let found: Vec<_> = at.to_socket_addrs()?.collect();
    Ok(Outcome::Failed(format!("{found:?}")))
}
