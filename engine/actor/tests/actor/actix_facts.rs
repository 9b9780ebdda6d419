//! What actix 0.13 really does, as the supervision of Larum relies on it.
//!
//! Each test pins one fact that was read in actix's source. One that fails after an update does not
//! say that actix is wrong, but that the code built on the fact has to be read again.

#![expect(
    clippy::disallowed_methods,
    reason = "what do_send does is one of the facts"
)]

mod subject;

use std::future::Future;
use std::time::Duration;

use actix::dev::SendError;
use actix::fut::wrap_future;
use actix::{Actor, ActorContext, AsyncContext, Context, MailboxError, Running, System};
use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::time::Instant;

use subject::{AnswerLater, Diary, Do, Subject, deed, note};

/// Runs `test` in a system whose time stands still until everything waits for it.
fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    };
    System::with_tokio_rt(runtime).block_on(test)
}

// Fact 1: the supervisor restarts what stopped, and does not survive a panic.

#[test]
fn a_stopped_context_is_restarted_with_the_same_struct_and_the_queued_messages() {
    run(async {
        let diary = Diary::default();
        let subject = Subject::supervised(&diary);
        subject.do_send(deed(|subject, ctx| {
            subject.value = 7;
            ctx.stop();
        }));
        subject.do_send(note("queued behind"));
        assert_eq!(subject.send(note("sent later")).await, Ok(7));
        assert_eq!(
            diary.take(),
            [
                "started",
                "stopping",
                "stopped",
                "restarting",
                "started",
                "queued behind",
                "sent later"
            ]
        );
    });
}

#[test]
fn a_terminated_context_is_restarted_too() {
    run(async {
        let diary = Diary::default();
        let subject = Subject::supervised(&diary);
        subject.do_send(deed(|_, ctx| ctx.terminate()));
        assert_eq!(subject.send(note("after")).await, Ok(0));
        assert!(diary.take().contains(&"restarting".to_owned()));
    });
}

#[test]
fn a_supervised_actor_ends_when_its_last_address_is_dropped() {
    run(async {
        let diary = Diary::default();
        let subject = Subject::supervised(&diary);
        subject.send(note("work")).await.unwrap();
        let weak = subject.downgrade();
        drop(subject);
        tokio::task::yield_now().await;
        assert!(weak.upgrade().is_none());
        assert_eq!(
            diary.take(),
            ["started", "work", "stopping", "stopped", "dropped"]
        );
    });
}

#[test]
fn a_panic_ends_a_supervised_actor_and_messages_vanish() {
    run(async {
        let diary = Diary::default();
        let subject = Subject::supervised(&diary);
        let failing = subject.send(deed(|_, _| panic!("injected")));
        let queued = subject.clone().send(note("queued behind"));
        assert_eq!(failing.await, Err(MailboxError::Closed));
        assert_eq!(queued.await, Err(MailboxError::Closed));
        assert!(!subject.connected());
        subject.do_send(note("nobody hears of this"));
        assert!(matches!(
            subject.try_send(note("nor of this")),
            Err(SendError::Closed(_))
        ));
        assert!(!diary.take().contains(&"restarting".to_owned()));
    });
}

// Fact 2: a panicking actor is polled once more by its drop.

#[test]
fn after_a_panic_stopping_and_stopped_run_while_the_thread_unwinds() {
    run(async {
        let diary = Diary::default();
        let subject = Subject::supervised(&diary);
        let _ = subject.send(deed(|_, _| panic!("injected"))).await;
        assert_eq!(
            diary.take(),
            [
                "started",
                "stopping while unwinding",
                "stopped while unwinding",
                "dropped while unwinding"
            ]
        );
    });
}

#[test]
fn an_actor_that_refuses_to_stop_handles_its_mailbox_while_the_thread_unwinds() {
    run(async {
        let diary = Diary::default();
        let subject = Subject::stopping_with(&diary, Running::Continue);
        let failing = subject.send(deed(|_, _| panic!("injected")));
        subject.do_send(note("queued behind"));
        let _ = failing.await;
        assert!(
            diary
                .take()
                .contains(&"queued behind while unwinding".to_owned())
        );
    });
}

/// Set for the process that is to be aborted.
const ABORTED: &str = "LARUM_TEST_IS_TO_BE_ABORTED";

#[test]
fn a_panic_in_stopping_after_a_panic_aborts_the_process() {
    struct Worse;
    impl Actor for Worse {
        type Context = Context<Self>;
        fn started(&mut self, _: &mut Self::Context) {
            panic!("first");
        }
        fn stopping(&mut self, _: &mut Self::Context) -> Running {
            panic!("second")
        }
    }
    if std::env::var_os(ABORTED).is_some() {
        run(async {
            let worse = Worse.start();
            while worse.connected() {
                tokio::task::yield_now().await;
            }
        });
        return;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "actix_facts::a_panic_in_stopping_after_a_panic_aborts_the_process",
            "--nocapture",
        ])
        .env(ABORTED, "1")
        .output()
        .unwrap();
    // A test that fails in an orderly way exits with 101.
    assert!(!output.status.success());
    assert_ne!(output.status.code(), Some(101), "{output:?}");
}

// Fact 3: restarting has no limit and no pause.

#[test]
fn a_thousand_restarts_follow_each_other_without_a_pause() {
    run(async {
        let diary = Diary::default();
        let subject = Subject::supervised(&diary);
        let before = Instant::now();
        for _ in 0..1_000 {
            subject.send(deed(|_, ctx| ctx.stop())).await.unwrap();
        }
        subject.send(note("alive")).await.unwrap();
        assert_eq!(before.elapsed(), Duration::ZERO);
        let restarts = diary.take().iter().filter(|e| *e == "restarting").count();
        assert_eq!(restarts, 1_000);
    });
}

#[test]
fn what_is_waited_for_last_is_polled_first_and_all_of_it_before_the_mailbox() {
    run(async {
        let diary = Diary::default();
        let subject = Subject::supervised(&diary);
        let (first, second) = (diary.clone(), diary.clone());
        subject.do_send(deed(move |_, ctx| {
            ctx.wait(wrap_future(async move { first.note("waited for first") }));
            ctx.wait(wrap_future(async move { second.note("waited for last") }));
        }));
        subject.send(note("message")).await.unwrap();
        assert_eq!(
            diary.take(),
            ["started", "waited for last", "waited for first", "message"]
        );
    });
}

// Fact 4: mailboxes do not bound anything.

#[test]
fn do_send_ignores_the_capacity() {
    run(async {
        let diary = Diary::default();
        let subject = Subject::supervised(&diary);
        let limited = deed(|_, ctx| ctx.set_mailbox_capacity(1));
        subject.send(limited).await.unwrap();
        for _ in 0..500 {
            subject.do_send(deed(|subject, _| subject.value += 1));
        }
        assert_eq!(subject.clone().send(note("last")).await, Ok(500));
    });
}

#[test]
fn send_on_a_full_mailbox_is_queued_as_soon_as_it_is_polled() {
    run(async {
        let diary = Diary::default();
        let subject = Subject::supervised(&diary);
        let limited = deed(|_, ctx| ctx.set_mailbox_capacity(1));
        subject.send(limited).await.unwrap();
        subject.do_send(note("fills it"));
        subject.try_send(note("parks this sender")).unwrap();
        let mut waiting = Box::pin(subject.send(note("sent while full")));
        assert!(waiting.as_mut().now_or_never().is_none());
        // Would the sender wait for room, this one would overtake it.
        subject.do_send(note("sent after it"));
        waiting.await.unwrap();
        assert_eq!(
            diary.take(),
            [
                "started",
                "fills it",
                "parks this sender",
                "sent while full",
                "sent after it"
            ]
        );
    });
}

#[test]
fn try_send_refuses_when_full_unless_the_address_is_a_fresh_clone() {
    run(async {
        let diary = Diary::default();
        let subject = Subject::supervised(&diary);
        let limited = deed(|_, ctx| ctx.set_mailbox_capacity(1));
        subject.send(limited).await.unwrap();
        subject.try_send(note("1")).unwrap();
        assert!(matches!(
            subject.try_send(note("refused")),
            Err(SendError::Full(_))
        ));
        for _ in 0..100 {
            subject.clone().try_send(note("2")).unwrap();
        }
        let recipient = subject.clone().recipient::<Do>();
        for _ in 0..100 {
            recipient.clone().try_send(note("3")).unwrap();
        }
        subject.clone().send(note("4")).await.unwrap();
        assert_eq!(diary.take().len(), 1 + 1 + 100 + 100 + 1);
    });
}

#[test]
fn send_with_a_timeout_takes_the_queued_message_back_without_a_word() {
    run(async {
        let diary = Diary::default();
        let subject = Subject::supervised(&diary);
        let (release, released) = oneshot::channel::<()>();
        subject.do_send(deed(move |_, ctx| {
            ctx.wait(wrap_future(async move { released.await.unwrap() }));
        }));
        let late = subject
            .send(note("cancelled"))
            .timeout(Duration::from_secs(1));
        assert_eq!(late.await, Err(MailboxError::Timeout));
        release.send(()).unwrap();
        subject.send(note("next")).await.unwrap();
        assert_eq!(diary.take(), ["started", "next"]);
    });
}

// Fact 5: the mailbox drains first, without a budget.

#[test]
fn the_mailbox_drains_before_timers_that_are_due_and_notifications() {
    run(async {
        let diary = Diary::default();
        let subject = Subject::supervised(&diary);
        subject.do_send(deed(|_, ctx| {
            ctx.run_later(Duration::ZERO, |subject, _| subject.diary.note("timer"));
            ctx.notify(note("notification"));
        }));
        subject.do_send(note("message 1"));
        subject.do_send(note("message 2"));
        subject.send(note("message 3")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(
            diary.take(),
            [
                "started",
                "message 1",
                "message 2",
                "message 3",
                "timer",
                "notification"
            ]
        );
    });
}

#[test]
fn an_actor_that_sends_to_itself_gives_no_other_task_a_turn() {
    fn again(times: u32) -> Do {
        deed(move |_, ctx| {
            if times > 0 {
                ctx.address().do_send(again(times - 1));
            } else {
                ctx.address().do_send(note("ten thousand messages"));
            }
        })
    }
    run(async {
        let diary = Diary::default();
        let subject = Subject::supervised(&diary);
        subject.do_send(again(10_000));
        let other = diary.clone();
        let task = actix::spawn(async move { other.note("another task") });
        task.await.unwrap();
        assert_eq!(
            diary.take(),
            ["started", "ten thousand messages", "another task"]
        );
    });
}

// Fact 6: futures of the context end with a restart, response futures do not.

#[test]
fn a_response_future_outlives_a_restart() {
    run(async {
        let diary = Diary::default();
        let subject = Subject::supervised(&diary);
        let (answer, later) = oneshot::channel();
        let pending = subject.send(AnswerLater(later));
        subject.send(deed(|_, ctx| ctx.stop())).await.unwrap();
        subject.send(note("after the restart")).await.unwrap();
        assert!(diary.take().contains(&"restarting".to_owned()));
        answer.send(42).unwrap();
        assert_eq!(pending.await, Ok(42));
    });
}

#[test]
fn spawned_futures_timers_and_waits_do_not_outlive_a_restart() {
    run(async {
        let diary = Diary::default();
        let subject = Subject::supervised(&diary);
        let (spawned, gone) = oneshot::channel::<()>();
        subject.do_send(deed(move |_, ctx| {
            ctx.run_later(Duration::from_secs(1), |subject, _| {
                subject.diary.note("timer");
            });
            ctx.spawn(wrap_future(async move {
                std::future::pending::<()>().await;
                drop(spawned);
            }));
        }));
        subject.send(deed(|_, ctx| ctx.stop())).await.unwrap();
        assert!(gone.await.is_err());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(
            diary.take(),
            ["started", "stopping", "stopped", "restarting", "started"]
        );
    });
}
