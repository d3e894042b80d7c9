//! A subscriber of `tracing` that writes down what it is told.
//!
//! It is the whole process's, because goroutines run on threads of their own: a test looks for what belongs to
//! its own goroutines and lines.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// What was said with its fields; `message` is one of them.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub target: String,
    pub name: String,
    pub level: Option<Level>,
    pub fields: BTreeMap<String, String>,
    /// Of a span: its number. Of an event: that of the innermost span that its thread was in.
    pub span: Option<u64>,
    /// Of a span: how often it was entered and left, and whether it is closed.
    pub entered: u64,
    pub exited: u64,
    pub closed: bool,
}

impl Said {
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

#[derive(Default)]
struct Notes {
    spans: Mutex<BTreeMap<u64, Said>>,
    events: Mutex<Vec<Said>>,
    next: AtomicU64,
}

/// What a process's subscriber has heard.
#[derive(Clone)]
pub struct Recorder(Arc<Notes>);

struct Listener {
    notes: Arc<Notes>,
    wants: fn(&Metadata<'_>) -> bool,
    at_most: Level,
}

thread_local! {
    /// The spans that the thread is in.
    static INSIDE: std::cell::RefCell<Vec<u64>> = const { std::cell::RefCell::new(Vec::new()) };
}

impl Recorder {
    /// Listens from now on to what `wants` picks of the levels up to `at_most`. Once per process.
    pub fn install(at_most: Level, wants: fn(&Metadata<'_>) -> bool) -> Recorder {
        let notes = Arc::new(Notes::default());
        tracing::subscriber::set_global_default(Listener {
            notes: Arc::clone(&notes),
            wants,
            at_most,
        })
        .expect("no other subscriber");
        Recorder(notes)
    }

    pub fn spans(&self, is_it: impl Fn(&Said) -> bool) -> Vec<Said> {
        let spans = self.0.spans.lock().unwrap();
        spans.values().filter(|s| is_it(s)).cloned().collect()
    }

    pub fn events(&self, is_it: impl Fn(&Said) -> bool) -> Vec<Said> {
        let events = self.0.events.lock().unwrap();
        events.iter().filter(|s| is_it(s)).cloned().collect()
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields
            .insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields
            .insert(field.name().to_owned(), value.to_owned());
    }
}

fn said(metadata: &Metadata<'_>) -> Said {
    Said {
        target: metadata.target().to_owned(),
        name: metadata.name().to_owned(),
        level: Some(*metadata.level()),
        ..Said::default()
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.at_most && (self.wants)(metadata)
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(self.at_most.into())
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let id = self.notes.next.fetch_add(1, SeqCst) + 1;
        let mut span = said(attributes.metadata());
        attributes.record(&mut span);
        span.span = Some(id);
        self.notes.spans.lock().unwrap().insert(id, span);
        Id::from_u64(id)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        let mut spans = self.notes.spans.lock().unwrap();
        values.record(spans.get_mut(&id.into_u64()).expect("a span of ours"));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut heard = said(event.metadata());
        event.record(&mut heard);
        heard.span = INSIDE.with_borrow(|inside| inside.last().copied());
        self.notes.events.lock().unwrap().push(heard);
    }

    fn enter(&self, id: &Id) {
        let mut spans = self.notes.spans.lock().unwrap();
        spans.get_mut(&id.into_u64()).unwrap().entered += 1;
        INSIDE.with_borrow_mut(|inside| inside.push(id.into_u64()));
    }

    fn exit(&self, id: &Id) {
        let mut spans = self.notes.spans.lock().unwrap();
        spans.get_mut(&id.into_u64()).unwrap().exited += 1;
        let left = INSIDE.with_borrow_mut(Vec::pop);
        assert_eq!(left, Some(id.into_u64()), "spans nest");
    }

    fn try_close(&self, id: Id) -> bool {
        let mut spans = self.notes.spans.lock().unwrap();
        spans.get_mut(&id.into_u64()).unwrap().closed = true;
        true
    }
}
