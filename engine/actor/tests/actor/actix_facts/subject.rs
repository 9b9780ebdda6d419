//! An actor that does what it is sent, and the diary of what actix did with it.

use std::sync::{Arc, Mutex};

use actix::{
    Actor, Addr, Context, Handler, Message, ResponseFuture, Running, Supervised, Supervisor,
};
use tokio::sync::oneshot;

/// What happened, in order.
#[derive(Clone, Default)]
pub struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub fn note(&self, what: &str) {
        let unwinding = if std::thread::panicking() {
            " while unwinding"
        } else {
            ""
        };
        self.0.lock().unwrap().push(format!("{what}{unwinding}"));
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// An actor that does what it is sent and writes down what actix does with it.
pub struct Subject {
    pub diary: Diary,
    pub value: u32,
    on_stopping: Running,
}

impl Subject {
    pub fn supervised(diary: &Diary) -> Addr<Self> {
        Self::stopping_with(diary, Running::Stop)
    }

    pub fn stopping_with(diary: &Diary, on_stopping: Running) -> Addr<Self> {
        let diary = diary.clone();
        Supervisor::start(move |_| Self {
            diary,
            value: 0,
            on_stopping,
        })
    }
}

impl Actor for Subject {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.diary.note("started");
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        self.diary.note("stopping");
        // Only once, or it would never end.
        std::mem::replace(&mut self.on_stopping, Running::Stop)
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.diary.note("stopped");
    }
}

impl Supervised for Subject {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.diary.note("restarting");
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.diary.note("dropped");
    }
}

pub type Deed = Box<dyn FnOnce(&mut Subject, &mut Context<Subject>) -> u32 + Send>;

/// Has the subject do something.
pub struct Do(pub Deed);

impl Message for Do {
    type Result = u32;
}

impl Handler<Do> for Subject {
    type Result = u32;

    fn handle(&mut self, deed: Do, ctx: &mut Self::Context) -> u32 {
        deed.0(self, ctx)
    }
}

pub fn deed(code: impl FnOnce(&mut Subject, &mut Context<Subject>) + Send + 'static) -> Do {
    Do(Box::new(move |subject, ctx| {
        code(subject, ctx);
        subject.value
    }))
}

pub fn note(what: &'static str) -> Do {
    deed(move |subject, _| subject.diary.note(what))
}

/// Answers when the channel does, from outside of the actor.
pub struct AnswerLater(pub oneshot::Receiver<u32>);

impl Message for AnswerLater {
    type Result = u32;
}

impl Handler<AnswerLater> for Subject {
    type Result = ResponseFuture<u32>;

    fn handle(&mut self, later: AnswerLater, _: &mut Self::Context) -> Self::Result {
        Box::pin(async move { later.0.await.unwrap() })
    }
}
