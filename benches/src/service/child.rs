//! The server's process, as its client sees it, and the port that tells one to the other.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::thread;

/// A server that runs until this is dropped.
pub struct Child {
    process: std::process::Child,
    address: SocketAddr,
}

impl Child {
    /// Starts the server and waits until it says its port.
    ///
    /// # Errors
    ///
    /// A line for the report; the server's own complaint is on standard error.
    pub fn start(mut command: Command) -> Result<Child, String> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the server does not start: {error}"))?;
        let mut line = String::new();
        let read = match process.stdout.take() {
            Some(out) => BufReader::new(out).read_line(&mut line),
            None => Ok(0),
        };
        // Made before the port is known, so that a server that says none is ended as well.
        let mut child = Child {
            process,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        };
        let port = read.ok().and_then(|_| line.trim().parse().ok());
        child
            .address
            .set_port(port.ok_or_else(|| format!("the server said no port, but {line:?}"))?);
        Ok(child)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // An error means that it has ended by itself, and is waited for all the same.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The server's side: says the port, and ends the process when the client has gone.
///
/// # Errors
///
/// A line for standard error.
pub fn announce(port: u16) -> Result<(), String> {
    thread::spawn(|| {
        let mut rest = Vec::new();
        // An error is an end too.
        let _ = std::io::stdin().read_to_end(&mut rest);
        std::process::exit(0);
    });
    let mut out = std::io::stdout();
    writeln!(out, "{port}")
        .and_then(|()| out.flush())
        .map_err(|error| format!("nobody asks for the port: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_says_no_port_is_an_error() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo sorry; exec cat"]);
        let error = Child::start(command).err();
        assert!(error.is_some_and(|error| error.contains("sorry")));
    }
}
