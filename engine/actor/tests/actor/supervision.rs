//! Actors that fail under a real actix system, on a clock that the tests move.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix::{Actor, Addr, Context, Handler, Message, Supervised, Supervisor, System};
use larum_actor::{
    ActorGuard, ActorRegistry, ActorSlot, ActorState, CreditBatch, Credits, DropNotice, Faults,
    Guardian, ManualTime, MonotonicTime, ProgressLimits, ReadmitActor, ReleaseActor,
    RestartVerdict, RetireGuardian, RuntimeClock, StateChange, WatchActor, WorkRefusal, send_batch,
};
use larum_event::{Span, Timestamp, limits};
use tokio::sync::{mpsc, oneshot};

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

type Answered = Result<u64, WorkRefusal>;
type Answer = oneshot::Sender<Answered>;

/// Adds up the numbers it is sent; a number of 13 panics inside of the guard.
struct Adder {
    unit: ActorGuard,
    /// What would be in a checkpoint: the sum of the batches that were done.
    durable: Arc<AtomicU64>,
    sum: u64,
}

impl Actor for Adder {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        if self.unit.check_ready().is_ok() && self.unit.entry().state() == ActorState::Starting {
            self.sum = self.durable.load(Ordering::SeqCst);
            self.unit.entry().set_running();
        }
    }
}

impl Supervised for Adder {
    fn restarting(&mut self, ctx: &mut Self::Context) {
        let verdict = self.unit.restart_actor(ctx, |adder: &mut Self, _| {
            adder.sum = adder.durable.load(Ordering::SeqCst);
            adder.unit.entry().set_running();
        });
        if verdict == RestartVerdict::Quarantine {
            self.sum = 0;
        }
    }
}

impl Handler<CreditBatch<u64, Answer>> for Adder {
    type Result = ();

    fn handle(&mut self, batch: CreditBatch<u64, Answer>, ctx: &mut Self::Context) {
        let (sum, durable) = (&mut self.sum, &self.durable);
        let outcome = self.unit.run_work(ctx, "a batch of numbers", || {
            for number in batch.items.iter() {
                assert_ne!(*number, 13, "unlucky");
                *sum += number;
            }
            durable.store(*sum, Ordering::SeqCst);
            *sum
        });
        // A receiver that is gone does not want to know.
        let _ = batch.head.send(outcome);
    }
}

/// Panics outside of any guard.
struct Crash;

impl Message for Crash {
    type Result = ();
}

impl Handler<Crash> for Adder {
    type Result = ();

    fn handle(&mut self, _: Crash, _: &mut Self::Context) {
        panic!("outside of the guard");
    }
}

struct Bench {
    registry: ActorRegistry,
    changes: mpsc::Receiver<StateChange>,
    time: ManualTime,
    seat: ActorSlot<Adder>,
    guardian: Addr<Guardian>,
    credits: Credits,
}

const LIMITS: ProgressLimits = ProgressLimits {
    slow_after: Span::from_seconds(limits::FROZEN_SECONDS as u32),
    frozen_after: Span::from_seconds(limits::FROZEN_SECONDS as u32),
};
const NAME: &str = "window/adder/0";

impl Bench {
    async fn start(faults: &str) -> Self {
        let (clock, time) = RuntimeClock::manual(Timestamp::parse("2026-11-20T12:00:00Z").unwrap());
        let (heard, changes) = mpsc::channel(64);
        let registry = ActorRegistry::with_observer(clock, move |change| {
            heard.try_send(change.clone()).unwrap();
        });
        let guardian = Guardian::new().start();
        let bench = Self {
            registry,
            changes,
            time,
            seat: ActorSlot::empty(),
            guardian,
            credits: Credits::new(100),
        };
        let durable = Arc::new(AtomicU64::new(0));
        let faults = Faults::parse(faults).unwrap();
        let entry = bench.registry.register_actor(NAME).unwrap();
        let create = {
            let entry = entry.clone();
            move |notice: DropNotice| {
                let unit = ActorGuard::new(entry.clone(), faults.clone(), notice);
                let durable = Arc::clone(&durable);
                Supervisor::start(move |_| Adder {
                    unit,
                    durable,
                    sum: 0,
                })
            }
        };
        let watch = WatchActor::new(entry, bench.seat.clone(), create);
        bench.guardian.send(watch).await.unwrap();
        bench
    }

    fn batch(&self, numbers: &[u64]) -> (CreditBatch<u64, Answer>, oneshot::Receiver<Answered>) {
        let (head, answer) = oneshot::channel();
        let permit = self.credits.try_acquire(numbers.len() as u32).unwrap();
        let items = numbers.into();
        (
            CreditBatch {
                head,
                items,
                permit,
            },
            answer,
        )
    }

    fn post(&self, numbers: &[u64]) -> oneshot::Receiver<Answered> {
        let (batch, answer) = self.batch(numbers);
        let adder = self.seat.address().expect("the actor runs");
        send_batch(&adder.recipient(), batch).unwrap();
        answer
    }

    async fn add(&self, numbers: &[u64]) -> Answered {
        self.post(numbers).await.unwrap()
    }

    fn restarts(&self) -> u64 {
        self.registry.entry(NAME).unwrap().snapshot().restarts
    }

    fn state(&self) -> ActorState {
        self.registry.entry(NAME).unwrap().state()
    }

    /// Waits until the adder is in `state`.
    async fn until(&mut self, state: ActorState) -> StateChange {
        loop {
            let change = self.changes.recv().await.unwrap();
            if change.state == state {
                return change;
            }
        }
    }
}

#[test]
fn a_guarded_panic_restarts_once_with_rebuilt_state_and_the_queue_survives() {
    run(async {
        let bench = Bench::start("").await;
        assert_eq!(bench.add(&[1, 2]).await, Ok(3));
        let failing = bench.post(&[50, 13]);
        let queued = bench.post(&[4]);
        let refused = failing.await.unwrap().unwrap_err();
        assert!(
            refused
                .to_string()
                .starts_with("a batch of numbers panicked:"),
            "{refused}"
        );
        // The half-done 50 is gone, and nobody had to send the 4 again.
        assert_eq!(queued.await.unwrap(), Ok(7));
        assert_eq!((bench.restarts(), bench.state()), (1, ActorState::Running));
        assert_eq!(bench.credits.gauge().in_flight, 0);
    });
}

#[test]
fn credit_is_the_only_bound_and_a_full_mailbox_refuses_no_batch() {
    run(async {
        let bench = Bench::start("").await;
        let adder = bench.seat.address().unwrap().recipient();
        // An actix mailbox is full at 16.
        let answers: Vec<_> = (0..100)
            .map(|_| {
                let (batch, answer) = bench.batch(&[1]);
                send_batch(&adder, batch).unwrap();
                answer
            })
            .collect();
        assert!(bench.credits.try_acquire(1).is_none());
        for (count, answer) in (1..).zip(answers) {
            assert_eq!(answer.await.unwrap(), Ok(count));
        }
        assert_eq!(bench.credits.gauge().in_flight, 0);
    });
}

#[test]
fn an_actor_whose_queue_does_not_move_is_stalled() {
    run(async {
        let bench = Bench::start("").await;
        let entry = bench.registry.entry(NAME).unwrap();
        entry.show_queue(&bench.credits);
        assert!(bench.add(&[1]).await.is_ok());
        let start = MonotonicTime::default();
        let stalled = |now| bench.registry.check_progress(now, LIMITS).len();
        assert_eq!(stalled(start), 0);
        let stuck = bench.credits.try_acquire(1).unwrap();
        let later = start.saturating_add(LIMITS.frozen_after);
        assert_eq!(stalled(later), 1);
        assert_eq!(bench.state(), ActorState::Frozen);
        drop(stuck);
        assert_eq!(stalled(later), 0);
        assert_eq!(bench.state(), ActorState::Running);
    });
}

#[test]
fn an_injected_panic_strikes_the_unit_of_work_it_names() {
    run(async {
        let bench = Bench::start("panic:window/adder/*@2").await;
        assert_eq!(bench.add(&[1]).await, Ok(1));
        assert!(matches!(
            bench.add(&[2]).await,
            Err(WorkRefusal::Panicked(_))
        ));
        assert_eq!(bench.add(&[2]).await, Ok(3));
        assert_eq!(bench.restarts(), 1);
    });
}

#[test]
fn the_second_restart_waits_for_its_pause_and_the_mailbox_with_it() {
    run(async {
        let bench = Bench::start("").await;
        for _ in 0..2 {
            assert!(bench.add(&[13]).await.is_err());
        }
        let mut queued = bench.post(&[4]);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(queued.try_recv().is_err());
        assert_eq!(bench.state(), ActorState::Restarting);
        bench.time.advance(Span::parse("100ms").unwrap());
        assert_eq!(queued.await.unwrap(), Ok(4));
    });
}

#[test]
fn the_sixth_panic_in_thirty_seconds_quarantines_and_the_actor_stays_and_refuses() {
    run(async {
        let mut bench = Bench::start("").await;
        assert_eq!(bench.add(&[5]).await, Ok(5));
        for _ in 0..limits::RESTARTS {
            assert!(matches!(
                bench.add(&[13]).await,
                Err(WorkRefusal::Panicked(_))
            ));
            bench.time.advance(Span::from_seconds(1));
            assert!(bench.add(&[]).await.is_ok());
        }
        assert!(matches!(
            bench.add(&[13]).await,
            Err(WorkRefusal::Panicked(_))
        ));
        let change = bench.until(ActorState::Quarantined).await;
        assert_eq!(change.restarts, limits::RESTARTS as u64);
        assert!(change.reason.unwrap().contains("unlucky"));
        let unit = NAME.to_owned();
        assert_eq!(
            bench.add(&[1]).await,
            Err(WorkRefusal::Quarantined { unit: unit.clone() })
        );
        bench.time.advance(Span::from_seconds(3_600));
        assert_eq!(
            bench.add(&[1]).await,
            Err(WorkRefusal::Quarantined { unit })
        );

        let name = NAME.to_owned();
        assert_eq!(bench.guardian.send(ReadmitActor { name }).await, Ok(true));
        bench.until(ActorState::Running).await;
        assert_eq!(bench.add(&[1]).await, Ok(6));
    });
}

#[test]
fn what_died_outside_of_the_guard_is_created_again_on_the_same_seat() {
    run(async {
        let mut bench = Bench::start("").await;
        assert_eq!(bench.add(&[5]).await, Ok(5));
        let dead = bench.seat.address().unwrap();
        let lost = dead.send(Crash);
        let queued = bench.post(&[1]);
        assert!(lost.await.is_err());
        assert!(queued.await.is_err(), "its mailbox died with it");
        assert_eq!(
            bench.credits.gauge().in_flight,
            0,
            "and gave its credit back"
        );

        let (batch, _answer) = bench.batch(&[1]);
        let returned = send_batch(&dead.clone().recipient(), batch).unwrap_err().0;
        assert_eq!(
            *returned.items,
            [1],
            "a closed mailbox gives the batch back"
        );
        drop(returned);

        let change = bench.until(ActorState::Restarting).await;
        assert_eq!(
            change.reason.as_deref(),
            Some("it panicked outside of its guard")
        );
        let alive = bench.seat.wait_for_address().await;
        assert_ne!(alive, dead);
        assert_eq!(bench.add(&[2]).await, Ok(7));
        assert_eq!(bench.restarts(), 1);
    });
}

#[test]
fn an_actor_that_keeps_dying_is_quarantined_and_its_seat_stays_empty() {
    run(async {
        let mut bench = Bench::start("").await;
        for _ in 0..=limits::RESTARTS {
            let alive = bench.seat.wait_for_address().await;
            assert!(alive.send(Crash).await.is_err());
            bench.time.advance(Span::from_seconds(1));
        }
        bench.until(ActorState::Quarantined).await;
        assert!(bench.seat.address().is_none());
        assert_eq!(bench.restarts(), limits::RESTARTS as u64);
        let name = NAME.to_owned();
        bench.guardian.send(ReadmitActor { name }).await.unwrap();
        assert_eq!(bench.add(&[3]).await, Ok(3));
    });
}

#[test]
fn an_actor_that_was_released_may_end_and_so_may_all_after_the_guardian_retired() {
    run(async {
        let bench = Bench::start("").await;
        let name = NAME.to_owned();
        bench.guardian.send(ReleaseActor { name }).await.unwrap();
        assert_eq!(bench.state(), ActorState::Stopped);
        bench.seat.clear_address();
        let bench = Bench::start("").await;
        bench.guardian.send(RetireGuardian).await.unwrap();
        let dying = bench.seat.address().unwrap();
        assert!(dying.send(Crash).await.is_err());
        bench.guardian.send(RetireGuardian).await.unwrap();
        assert!(bench.seat.address().is_none());
        assert_eq!(bench.restarts(), 0);
    });
}

#[test]
fn a_factory_that_panics_is_tried_again_and_then_quarantined() {
    run(async {
        let bench = Bench::start("").await;
        let entry = bench.registry.register_actor("window/broken/0").unwrap();
        let seat: ActorSlot<Adder> = ActorSlot::empty();
        let watch = WatchActor::new(entry.clone(), seat, |_| panic!("no such folder"));
        bench.guardian.send(watch).await.unwrap();
        while entry.state() != ActorState::Quarantined {
            bench.time.advance(Span::from_seconds(1));
            tokio::task::yield_now().await;
        }
        let error = entry.snapshot().last_error.unwrap();
        assert_eq!(error.reason, "creating it panicked: no such folder");
    });
}
