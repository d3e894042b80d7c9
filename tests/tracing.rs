//! What a subscriber of `tracing` hears of goroutines.

mod common;
#[path = "common/record.rs"]
mod record;

use std::sync::OnceLock;
use std::time::Duration;

use common::{FAR, eventually, run, runtime, within};
use gosched::runtime::{self, GoId, Runtime};
use gosched::{chan, go, yield_now};
use record::{Recorder, Said};
use tracing::Level;

fn heard() -> &'static Recorder {
    static RECORDER: OnceLock<Recorder> = OnceLock::new();
    RECORDER.get_or_init(|| {
        Recorder::install(Level::TRACE, |m| {
            m.target() == "gosched" || m.target() == "tracing"
        })
    })
}

/// The span of a goroutine.
#[track_caller]
fn span_of(id: GoId) -> Said {
    let mut spans = heard().spans(|s| s.name == "goroutine" && s.field("id") == id.to_string());
    assert_eq!(spans.len(), 1, "{spans:?}");
    spans.remove(0)
}

/// What was told of a goroutine, by message.
fn told_of(id: GoId, message: &str) -> Vec<Said> {
    heard().events(|e| e.field("message") == message && e.field("goroutine") == id.to_string())
}

/// How a goroutine is told to have ended. Its span is closed just after its result is there.
#[track_caller]
fn outcome_of(id: GoId) -> String {
    let over = told_of(id, "a goroutine is over");
    assert_eq!(over.len(), 1, "{over:?}");
    assert_eq!(over[0].span, span_of(id).span, "told inside the span");
    over[0].field("outcome").to_owned()
}

#[test]
fn a_goroutine_has_a_span_that_is_entered_in_each_poll_and_closed_at_its_end() {
    heard();
    run(1, async {
        let line = line!() + 1;
        let handle = go(async {
            tracing::info!("within");
            yield_now().await;
            yield_now().await;
            runtime::goid().unwrap()
        });
        let own = handle.id();
        assert_eq!(handle.await.unwrap(), own);
        let span = span_of(own);
        assert_eq!(
            (span.target.as_str(), span.level),
            ("gosched", Some(Level::DEBUG))
        );
        assert_eq!((span.entered, span.exited, span.closed), (3, 3, true));
        assert!(
            span.field("spawn.site")
                .starts_with(&format!("{}:{line}:", file!()))
        );
        assert_eq!(span.field("parent"), runtime::goid().unwrap().to_string());
        let within = heard().events(|e| e.field("message") == "within");
        assert_eq!(within.last().unwrap().span, span.span);
        let started = told_of(own, "a goroutine was started");
        assert_eq!(started.len(), 1);
        assert_eq!(started[0].level, Some(Level::TRACE));
        assert_ne!(started[0].span, span.span, "told by the one that starts it");
        assert_eq!(outcome_of(own), "returned");
    });
}

#[test]
fn a_goroutine_started_from_outside_has_no_parent() {
    heard();
    within(|| {
        let rt = runtime(1);
        let handle = rt.handle().go(async {});
        let id = handle.id();
        rt.block_on(handle).unwrap();
        assert!(!span_of(id).fields.contains_key("parent"));
    });
}

#[test]
fn a_panic_is_told_inside_the_span_and_is_the_outcome() {
    heard();
    run(1, async {
        let handle = go(async { panic!("oh dear") });
        let id = handle.id();
        assert!(handle.await.unwrap_err().is_panic());
        let told = heard().events(|e| e.field("message").contains("oh dear"));
        assert_eq!(told.len(), 1);
        assert_eq!(
            (told[0].level, told[0].span),
            (Some(Level::ERROR), span_of(id).span)
        );
        assert_eq!(outcome_of(id), "panicked");
        assert!(span_of(id).closed);
    });
}

#[test]
fn aborted_ones_those_that_exit_and_those_of_a_runtime_that_ends_are_cancelled() {
    heard();
    within(|| {
        let rt = runtime(2);
        let (aborted, exited, left) = rt.block_on(async {
            let waiting = go(std::future::pending::<()>());
            let exiting = go(async { runtime::goexit().await });
            let left = go(gosched::time::sleep(FAR));
            waiting.abort();
            let ids = (waiting.id(), exiting.id(), left.id());
            assert!(waiting.await.unwrap_err().is_cancelled());
            assert!(exiting.await.unwrap_err().is_cancelled());
            ids
        });
        let handle = rt.handle();
        drop(rt);
        let too_late = handle.go(async {}).id();
        for id in [aborted, exited, left, too_late] {
            assert_eq!(outcome_of(id), "cancelled");
            let span = span_of(id);
            assert!(span.closed);
            assert_eq!(span.entered, span.exited);
        }
    });
}

#[test]
fn frames_are_told_without_what_tracing_adds_and_results_are_whole() {
    heard();
    run(2, async {
        let big = [7_u8; 700];
        let future = async move {
            yield_now().await;
            big.to_vec()
        };
        let size = size_of_val(&future);
        let handle = go(future);
        assert_eq!(handle.frame_size(), size);
        assert_eq!(handle.await.unwrap(), [7; 700]);
        // Cells of followed goroutines are used again.
        for n in 0..500_u64 {
            let (tx, rx) = chan(0);
            drop(go(async move { tx.send(vec![n; 3]).await }));
            assert_eq!(rx.recv().await, Some(vec![n; 3]));
            assert_eq!(go(async move { n }).await.unwrap(), n);
        }
    });
}

#[test]
fn a_steal_names_the_goroutine_the_thief_and_the_victim() {
    heard();
    within(|| {
        let rt = Runtime::builder()
            .procs(2)
            .hog_threshold(Duration::MAX)
            .build()
            .unwrap();
        rt.block_on(rt.handle().go(async {
            // Never comes to an `.await`: whoever runs the others has taken them.
            let (tx, rx) = std::sync::mpsc::channel();
            let handles: Vec<_> = (0..4)
                .map(|_| {
                    let tx = tx.clone();
                    go(async move { tx.send(()).unwrap() })
                })
                .collect();
            for _ in 0..3 {
                rx.recv_timeout(common::PATIENCE).unwrap();
            }
            let stolen: Vec<_> = handles
                .iter()
                .flat_map(|handle| told_of(handle.id(), "a goroutine was stolen"))
                .collect();
            assert!(!stolen.is_empty());
            for told in stolen {
                assert_eq!(told.level, Some(Level::TRACE));
                assert_ne!(told.field("p"), told.field("victim"));
            }
        }))
        .unwrap();
    });
}

#[test]
fn a_hog_is_warned_of_with_its_number() {
    heard();
    within(|| {
        let rt = runtime(1);
        let hog = rt.handle().go(async {
            let id = runtime::goid().unwrap();
            eventually("the hog is told", || {
                let hogs = heard().events(|e| {
                    e.level == Some(Level::WARN)
                        && e.field("message").contains("does not come to an .await")
                        && e.field("goroutine") == id.to_string()
                });
                !hogs.is_empty()
            });
        });
        rt.block_on(hog).unwrap();
    });
}
