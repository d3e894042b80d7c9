//! tokio's own timers, sockets, locks, files, processes and signals in goroutines, on either kind of runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use gosched::{go, select};
use gosched_ecosystem::{TempDir, on_both};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Barrier, Mutex, Notify, RwLock, Semaphore, broadcast, mpsc, oneshot, watch};

const LITTLE: Duration = Duration::from_millis(2);

#[test]
fn timers_fire_and_not_too_early() {
    on_both(|| async {
        let began = Instant::now();
        tokio::time::sleep(LITTLE).await;
        assert!(began.elapsed() >= LITTLE);
        assert!(
            tokio::time::timeout(LITTLE, std::future::pending::<()>())
                .await
                .is_err()
        );
        assert_eq!(
            tokio::time::timeout(Duration::MAX, async { 1 }).await,
            Ok(1)
        );
        let mut interval = tokio::time::interval(LITTLE);
        let began = Instant::now();
        for _ in 0..4 {
            interval.tick().await;
        }
        assert!(began.elapsed() >= LITTLE * 3);
    });
}

#[test]
fn many_sleepers_wake() {
    on_both(|| async {
        let sleepers: Vec<_> = (0..200)
            .map(|n| go(tokio::time::sleep(Duration::from_millis(n % 7))))
            .collect();
        for sleeper in sleepers {
            sleeper.await.unwrap();
        }
    });
}

#[test]
fn tcp_streams_of_many_goroutines_echo() {
    on_both(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = go(async move {
            for _ in 0..20 {
                let (mut stream, _) = listener.accept().await.unwrap();
                go(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await.unwrap()
                });
            }
        });
        let clients: Vec<_> = (0..20_u8)
            .map(|n| {
                go(async move {
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    let sent = vec![n; 10_000];
                    let (mut from, mut to) = stream.split();
                    let mut got = Vec::new();
                    // Both ways at once: more than the sockets' buffers would block the one or the other.
                    let (wrote, read) = tokio::join!(
                        async {
                            to.write_all(&sent).await?;
                            to.shutdown().await
                        },
                        from.read_to_end(&mut got),
                    );
                    wrote.unwrap();
                    read.unwrap();
                    assert_eq!(got, sent);
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        server.await.unwrap();
    });
}

#[test]
fn a_datagram_arrives() {
    on_both(|| async {
        let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let two = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = two.local_addr().unwrap();
        let receiver = go(async move {
            let mut buffer = [0; 16];
            let (n, from) = two.recv_from(&mut buffer).await.unwrap();
            (buffer[..n].to_vec(), from)
        });
        one.send_to(b"datagram", to).await.unwrap();
        let (got, from) = receiver.await.unwrap();
        assert_eq!(
            (&got[..], from),
            (&b"datagram"[..], one.local_addr().unwrap())
        );
    });
}

#[test]
fn unix_sockets_connect() {
    on_both(|| async {
        let dir = TempDir::new("unix");
        let path = dir.join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let server = go(async move {
            let (stream, _) = listener.accept().await.unwrap();
            BufReader::new(stream).lines().next_line().await.unwrap()
        });
        let mut client = UnixStream::connect(&path).await.unwrap();
        client.write_all(b"line\n").await.unwrap();
        assert_eq!(server.await.unwrap().as_deref(), Some("line"));
    });
}

#[test]
fn a_socket_and_a_timer_are_arms_of_select() {
    on_both(|| async {
        let (mut here, mut there) = tokio::io::duplex(16);
        let mut buffer = [0; 4];
        let timed_out = select! {
            r = here.read_exact(&mut buffer) => panic!("nobody wrote: {r:?}"),
            _ = tokio::time::sleep(LITTLE) => true,
        };
        assert!(timed_out);
        there.write_all(b"four").await.unwrap();
        select! {
            r = here.read_exact(&mut buffer) => assert_eq!(r.unwrap(), 4),
            _ = std::future::pending::<()>() => {}
        }
        assert_eq!(&buffer, b"four");
    });
}

#[test]
fn channels_of_tokio_carry_between_goroutines() {
    on_both(|| async {
        let (tx, mut rx) = mpsc::channel(4);
        for n in 0..10_u64 {
            let tx = tx.clone();
            go(async move {
                for k in 0..500 {
                    tx.send(n * k).await.unwrap();
                }
            });
        }
        drop(tx);
        let mut sum = 0;
        // Far more than tokio lets a task of its own take in one turn.
        while let Some(n) = rx.recv().await {
            sum += n;
        }
        assert_eq!(sum, (0..10).sum::<u64>() * (0..500).sum::<u64>());

        let (tx, rx) = oneshot::channel();
        go(async move { tx.send("once") });
        assert_eq!(rx.await, Ok("once"));

        let (tx, mut rx) = watch::channel(0);
        let watcher = go(async move { rx.wait_for(|&n| n == 3).await.map(|n| *n).ok() });
        for n in 1..=3 {
            tx.send_replace(n);
        }
        assert_eq!(watcher.await.unwrap(), Some(3));

        let (tx, mut one) = broadcast::channel(16);
        let mut two = tx.subscribe();
        let sender = go(async move { (0..10).map(|n| tx.send(n).unwrap()).sum::<usize>() });
        for n in 0..10 {
            assert_eq!((one.recv().await, two.recv().await), (Ok(n), Ok(n)));
        }
        assert_eq!(sender.await.unwrap(), 20);
    });
}

#[test]
fn locks_of_tokio_keep_goroutines_apart() {
    on_both(|| async {
        let (count, many) = (Arc::new(Mutex::new(0)), Arc::new(RwLock::new(0)));
        let (permits, inside) = (Arc::new(Semaphore::new(3)), Arc::new(AtomicUsize::new(0)));
        let (barrier, go_on) = (Arc::new(Barrier::new(21)), Arc::new(Notify::new()));
        for _ in 0..20 {
            let (count, many) = (Arc::clone(&count), Arc::clone(&many));
            let (permits, inside) = (Arc::clone(&permits), Arc::clone(&inside));
            let (barrier, go_on) = (Arc::clone(&barrier), Arc::clone(&go_on));
            go(async move {
                for _ in 0..50 {
                    let mut n = count.lock().await;
                    let before = *n;
                    tokio::task::yield_now().await;
                    *n = before + 1;
                    drop(n);
                    *many.write().await += 1;
                    let _permit = permits.acquire().await.unwrap();
                    assert!(inside.fetch_add(1, SeqCst) < 3);
                    gosched::yield_now().await;
                    inside.fetch_sub(1, SeqCst);
                }
                if barrier.wait().await.is_leader() {
                    go_on.notify_one();
                }
            });
        }
        if barrier.wait().await.is_leader() {
            go_on.notify_one();
        }
        go_on.notified().await;
        assert_eq!((*count.lock().await, *many.read().await), (1_000, 1_000));
    });
}

#[test]
fn files_are_written_and_read_by_many_goroutines() {
    on_both(|| async {
        let dir = Arc::new(TempDir::new("files"));
        let writers: Vec<_> = (0..20)
            .map(|n| {
                let dir = Arc::clone(&dir);
                go(async move {
                    let (draft, done) = (dir.join(format!("{n}.part")), dir.join(format!("{n}")));
                    let mut file = tokio::fs::File::create(&draft).await.unwrap();
                    file.write_all(format!("file {n}").as_bytes())
                        .await
                        .unwrap();
                    file.sync_all().await.unwrap();
                    tokio::fs::rename(draft, &done).await.unwrap();
                    let text = tokio::fs::read_to_string(done).await.unwrap();
                    assert_eq!(text, format!("file {n}"));
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let mut entries = tokio::fs::read_dir(&**dir).await.unwrap();
        let mut seen = 0;
        while let Some(entry) = entries.next_entry().await.unwrap() {
            assert!(entry.metadata().await.unwrap().is_file());
            seen += 1;
        }
        assert_eq!(seen, 20);
        let error = tokio::fs::read(dir.join("missing")).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    });
}

#[test]
fn processes_are_talked_to_waited_for_and_killed() {
    on_both(|| async {
        let echoes: Vec<_> = (0..5)
            .map(|n| {
                go(async move {
                    let mut child = Command::new("sh")
                        .args(["-c", "read line; echo \"got $line\"; exit 3"])
                        .stdin(std::process::Stdio::piped())
                        .stdout(std::process::Stdio::piped())
                        .spawn()
                        .unwrap();
                    let mut stdin = child.stdin.take().unwrap();
                    stdin.write_all(format!("{n}\n").as_bytes()).await.unwrap();
                    let output = child.wait_with_output().await.unwrap();
                    assert_eq!(output.status.code(), Some(3));
                    assert_eq!(output.stdout, format!("got {n}\n").as_bytes());
                })
            })
            .collect();
        for echo in echoes {
            echo.await.unwrap();
        }
        let mut child = Command::new("sleep").arg("3600").spawn().unwrap();
        assert!(tokio::time::timeout(LITTLE, child.wait()).await.is_err());
        child.start_kill().unwrap();
        assert!(!child.wait().await.unwrap().success());
    });
}

#[test]
fn a_signal_wakes_the_goroutine_that_waits_for_it() {
    on_both(|| async {
        let mut signals = signal(SignalKind::user_defined1()).unwrap();
        let waiter = go(async move { signals.recv().await });
        let status = Command::new("sh")
            .args(["-c", "kill -USR1 $PPID"])
            .status()
            .await
            .unwrap();
        assert!(status.success());
        assert_eq!(waiter.await.unwrap(), Some(()));
    });
}
