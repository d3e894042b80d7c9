//! A client that writes bytes and reads answers, so that nothing between the test and the server is clever.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::soon;

pub(crate) struct Client(BufReader<TcpStream>);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// What is known when the head of an answer has been read.
pub(crate) struct Head {
    pub(crate) status: u16,
    /// `None`: it comes in chunks.
    length: Option<usize>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Client {
        Client::try_connect(address).await.unwrap()
    }

    pub(crate) async fn try_connect(address: SocketAddr) -> io::Result<Client> {
        let stream = soon(TcpStream::connect(address)).await?;
        Ok(Client(BufReader::new(stream)))
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn port(&self) -> u16 {
        self.0.get_ref().local_addr().unwrap().port()
    }

    pub(crate) async fn send(&mut self, text: &str) {
        soon(self.0.write_all(text.as_bytes())).await.unwrap();
    }

    /// Asks without waiting for the answer.
    pub(crate) async fn ask(&mut self, path: &str) {
        self.try_ask(path).await.unwrap();
    }

    pub(crate) async fn try_ask(&mut self, path: &str) -> io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
        soon(self.0.write_all(request.as_bytes())).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask(path).await;
        self.answer().await
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await.expect("an answer");
        Answer {
            status: head.status,
            body: self.body(&head).await.expect("a whole answer"),
        }
    }

    pub(crate) async fn body(&mut self, head: &Head) -> io::Result<String> {
        let mut body = String::new();
        match head.length {
            Some(length) => {
                let mut bytes = vec![0; length];
                soon(self.0.read_exact(&mut bytes)).await?;
                body = String::from_utf8(bytes).unwrap();
            }
            None => {
                while let Some(chunk) = self.chunk().await? {
                    body.push_str(&chunk);
                }
            }
        }
        Ok(body)
    }

    pub(crate) async fn head(&mut self) -> io::Result<Head> {
        let status = self.line().await?;
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut length = Some(0);
        loop {
            let line = self.line().await?.to_ascii_lowercase();
            if line.is_empty() {
                return Ok(Head { status, length });
            }
            match line.split_once(": ") {
                Some(("content-length", n)) => length = Some(n.parse().unwrap()),
                Some(("transfer-encoding", "chunked")) => length = None,
                _ => {}
            }
        }
    }

    /// The next chunk of a chunked body; `None` = its end.
    pub(crate) async fn chunk(&mut self) -> io::Result<Option<String>> {
        let length = usize::from_str_radix(&self.line().await?, 16).unwrap();
        let mut bytes = vec![0; length];
        soon(self.0.read_exact(&mut bytes)).await?;
        assert_eq!(self.line().await?, "");
        Ok((length > 0).then(|| String::from_utf8(bytes).unwrap()))
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        soon(self.0.read_line(&mut line)).await?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Waits for the server to close the connection; what it still sends is returned.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match soon(self.0.read_to_end(&mut rest)).await {
            Ok(_) => rest,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => rest,
            Err(error) => panic!("{error}"),
        }
    }
}
