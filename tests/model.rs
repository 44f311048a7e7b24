//! The hand-over between threads, under shuttle: `handover.rs` and `pool.rs` as they ship, compiled
//! over shuttle's locks and threads, in every order in which three threads can work on three jobs.
//! A run in which all threads wait is reported as a deadlock.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where it stands")]

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};

use shuttle::scheduler::{DfsScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner};

#[path = "model_support/explorer.rs"]
mod explorer;
#[path = "../src/stream/handover.rs"]
mod handover;
#[path = "../src/stream/pool.rs"]
mod pool;
#[path = "model_support/sync.rs"]
mod sync;

use explorer::Explorer;
use handover::{Handover, Ticket};

/// How a job goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Well,
    SourceFails,
    SourcePanics,
    WorkFails,
    WorkPanics,
    SinkFails,
    SinkPanics,
}

use Step::*;

const FAILURES: [Step; 6] =
    [SourceFails, SourcePanics, WorkFails, WorkPanics, SinkFails, SinkPanics];

/// A panic that no hook prints.
struct OnPurpose;

/// How a run ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum End {
    Well,
    Error(u64),
    Panic,
}

/// Jobs, and so many threads for them.
#[derive(Clone, Debug)]
struct Scene {
    threads: usize,
    steps: Vec<Step>,
    in_order: bool,
}

/// Results as they came out.
type Out = Arc<Mutex<Vec<u64>>>;
type Job<'s> = Ticket<'s, usize, Out, u64>;

impl Scene {
    fn new(threads: usize, steps: impl Into<Vec<Step>>) -> Self {
        Self { threads, steps: steps.into(), in_order: true }
    }

    fn step(&self, number: u64) -> Option<Step> {
        self.steps.get(usize::try_from(number).unwrap()).copied()
    }

    /// Whether a single thread would get a panic from a job; one that needs no turn has no sink.
    fn fails(&self, step: Step) -> bool {
        step != Well && (self.in_order || ![SinkFails, SinkPanics].contains(&step))
    }

    /// What a single thread does: the results that come out, and the end.
    fn alone(&self) -> (Vec<u64>, End) {
        let first = (0..).zip(&self.steps).find(|(_, step)| self.fails(**step));
        let panics = [SourcePanics, WorkPanics, SinkPanics];
        let (well, end) = match first {
            None => (u64::try_from(self.steps.len()).unwrap(), End::Well),
            Some((number, step)) if panics.contains(step) => (number, End::Panic),
            Some((number, _)) => (number, End::Error(number)),
        };
        ((0..if self.in_order { well } else { 0 }).collect(), end)
    }

    /// Runs it in an order of shuttle's choice.
    fn run(&self) -> (Vec<u64>, End) {
        let out = Out::default();
        let handover = Handover::new(0, Arc::clone(&out));
        let ended = catch_unwind(AssertUnwindSafe(|| {
            pool::run(
                &handover,
                |_| self.threads,
                || (),
                |asked, number, ()| self.take(asked, number),
                |ticket, ()| self.finish(ticket),
            );
        }));
        let end = self.end_of(handover, ended);
        (std::mem::take(&mut *out.lock().unwrap()), end)
    }

    fn end_of(
        &self,
        handover: Handover<usize, Out, u64>,
        ended: Result<(), Box<dyn Any + Send>>,
    ) -> End {
        // With a panic of its own, shuttle ends a run that has been seen.
        let panicked = ended.is_err_and(|panic| panic.is::<OnPurpose>() || resume_unwind(panic));
        match handover.end() {
            Err(_) if panicked => End::Panic,
            Err(number) => End::Error(number.expect("given up, and nobody panicked")),
            Ok(asked) => {
                assert!(!panicked, "a panic became a success");
                assert!(asked <= self.steps.len() + 1, "asked after the end");
                End::Well
            }
        }
    }

    fn take(&self, asked: &mut usize, number: u64) -> Result<bool, u64> {
        *asked += 1;
        match self.step(number) {
            None => Ok(false),
            Some(SourceFails) => Err(number),
            Some(SourcePanics) => resume_unwind(Box::new(OnPurpose)),
            Some(_) => Ok(true),
        }
    }

    fn finish(&self, ticket: Job<'_>) {
        let number = ticket.number();
        let step = self.step(number).unwrap();
        if step == WorkPanics {
            resume_unwind(Box::new(OnPurpose));
        }
        let worked = if step == WorkFails { Err(number) } else { Ok(()) };
        if !self.in_order {
            return ticket.settle(worked);
        }
        ticket.in_turn(|out| {
            worked?;
            match step {
                SinkFails => return Err(number),
                SinkPanics => resume_unwind(Box::new(OnPurpose)),
                _ => out.lock().unwrap().push(number),
            }
            Ok(())
        });
    }

    /// A run ends as a single thread does; only the panic of a later job comes back in any case.
    fn check(&self, (out, end): &(Vec<u64>, End), (wanted, alone): &(Vec<u64>, End)) {
        let may_panic = self.steps.iter().any(|step| [SourcePanics, WorkPanics].contains(step));
        let well = end == alone || *end == End::Panic && may_panic;
        assert!(out == wanted && well, "{self:?}: {out:?}, {end:?}");
    }

    /// Goes through every order, each of which must end as a single thread does.
    fn explore(&self) -> usize {
        let (scene, wanted) = (self.clone(), self.alone());
        run(Explorer::default(), move || scene.check(&scene.run(), &wanted))
    }
}

/// Calls `test` in all the orders that a scheduler chooses, and returns how many those were.
fn run(scheduler: impl Scheduler + 'static, test: impl Fn() + Send + Sync + 'static) -> usize {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(test)
}

fn is_long() -> bool {
    std::env::var_os("KEYSTEAD_LONG").is_some()
}

/// Three jobs, of which one fails in one way.
fn single_failures() -> impl Iterator<Item = [Step; 3]> {
    FAILURES.into_iter().flat_map(|failure| {
        (0..3).map(move |at| {
            let mut steps = [Well; 3];
            steps[at] = failure;
            steps
        })
    })
}

/// Three jobs, in all the ways in which each can go.
fn all_ways() -> impl Iterator<Item = [Step; 3]> {
    let all = || FAILURES.into_iter().chain([Well]);
    all().flat_map(move |a| all().flat_map(move |b| all().map(move |c| [a, b, c])))
}

/// What the old code did wrong.
#[derive(Clone, Copy)]
enum Fault {
    /// A thread that holds the first job and finds the run failed leaves with it.
    Keeps,
    /// It gives the job up, though it is before the one that failed.
    GivesUp,
}

/// Threads as they were: each looks whether the run has failed before it does anything, the caller's
/// with the first job in its hands.
struct Old<'s> {
    fault: Fault,
    scene: &'s Scene,
    handover: &'s Handover<usize, Out, u64>,
    failed: sync::AtomicBool,
}

impl<'s> Old<'s> {
    fn take(&self) -> Option<Job<'s>> {
        self.handover.take(|asked, number| self.scene.take(asked, number))
    }

    fn labour(&self, mut held: Option<Job<'s>>) {
        while !self.failed.load(sync::Ordering::Relaxed) {
            let Some(ticket) = held.take().or_else(|| self.take()) else { return };
            if self.scene.step(ticket.number()) == Some(WorkFails) {
                self.failed.store(true, sync::Ordering::Relaxed);
            }
            self.scene.finish(ticket);
        }
        if let (Fault::Keeps, Some(ticket)) = (self.fault, held) {
            std::mem::forget(ticket);
        }
    }
}

/// Three threads as they were, and a last job that fails.
fn run_with(fault: Fault) -> (Vec<u64>, End) {
    let (scene, out) = (Scene::new(3, [Well, Well, WorkFails]), Out::default());
    let handover = Handover::new(0, Arc::clone(&out));
    let failed = sync::AtomicBool::new(false);
    let old = Old { fault, scene: &scene, handover: &handover, failed };
    let first = old.take();
    sync::scope(|scope| {
        let threads = [(); 2].map(|()| sync::spawn(scope, || old.labour(None)).unwrap());
        old.labour(first);
        _ = threads.map(|thread| thread.join().unwrap());
    });
    let end = scene.end_of(handover, Ok(()));
    (std::mem::take(&mut *out.lock().unwrap()), end)
}

/// What shuttle says of a test that fails.
fn failure(test: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = catch_unwind(test).expect_err("nothing was found");
    panic.downcast::<String>().map_or_else(|_| "no text".to_owned(), |text| *text)
}

#[test]
fn three_threads_and_three_jobs_that_go_well() {
    println!("{} runs", Scene::new(3, [Well; 3]).explore());
}

#[test]
fn three_threads_and_a_job_that_fails() {
    let runs: usize = single_failures().map(|steps| Scene::new(3, steps).explore()).sum();
    println!("{runs} runs");
}

/// Two threads in the short form.
#[test]
fn jobs_that_fail_in_all_ways() {
    let threads = if is_long() { 3 } else { 2 };
    let runs: usize = all_ways().map(|steps| Scene::new(threads, steps).explore()).sum();
    println!("{runs} runs");
}

#[test]
fn jobs_whose_order_does_not_matter() {
    let scenes = all_ways().map(|steps| Scene { in_order: false, ..Scene::new(3, steps) });
    let scenes = scenes.filter(|scene| {
        let told = |step| scene.fails(step) || step == Well;
        let failing = scene.steps.iter().filter(|step| **step != Well).count();
        scene.steps.iter().all(|step| told(*step)) && (is_long() || failing < 2)
    });
    let runs: usize = scenes.map(|scene| scene.explore()).sum();
    println!("{runs} runs");
}

/// The system may have fewer threads than were asked for.
#[test]
fn threads_that_do_not_start() {
    for started in 0..2 {
        for steps in single_failures() {
            let scene = Scene::new(3, steps);
            let wanted = scene.alone();
            run(Explorer::default(), move || {
                sync::only_start(started);
                let ended = scene.run();
                sync::only_start(usize::MAX);
                scene.check(&ended, &wanted);
            });
        }
    }
}

#[test]
fn the_old_fault_is_a_deadlock() {
    let said = failure(|| _ = run(Explorer::default(), || _ = run_with(Fault::Keeps)));
    println!("{said}");
    assert!(said.contains("deadlock"), "{said}");
}

#[test]
fn an_earlier_job_that_is_given_up_is_found() {
    let wanted = (vec![0, 1], End::Error(2));
    let said = failure(|| {
        _ = run(Explorer::default(), move || assert_eq!(run_with(Fault::GivesUp), wanted));
    });
    println!("{said}");
    assert!(said.contains("given up"), "{said}");
}

/// Shuttle's own search, which leaves nothing out, ends in the same ways.
#[test]
fn the_explorer_leaves_nothing_out() {
    let ends = |scheduler: Box<dyn Scheduler + Send>, steps: [Step; 2]| {
        let ends = Arc::new(Mutex::new(BTreeSet::new()));
        let (seen, scene) = (Arc::clone(&ends), Scene::new(2, steps));
        let runs = run(scheduler, move || {
            let ended = scene.run();
            seen.lock().unwrap().insert((ended, explorer::state()));
        });
        (runs, std::mem::take(&mut *ends.lock().unwrap()))
    };
    let failing = |at: usize| {
        FAILURES.map(|failure| {
            let mut steps = [Well; 2];
            steps[at] = failure;
            steps
        })
    };
    for steps in failing(0).into_iter().chain(failing(1)).chain([[Well; 2]]) {
        let (all, plain) = ends(Box::new(explorer::Watched(DfsScheduler::new(None, false))), steps);
        let (few, explored) = ends(Box::<Explorer>::default(), steps);
        println!("{steps:?}: {few} runs in place of {all}, {} states at the end", plain.len());
        assert!(plain == explored && few <= all, "{steps:?}");
    }
}

/// More threads and jobs than can be gone through: orders by lot.
#[test]
#[ignore = "takes minutes"]
fn many_threads_in_orders_by_lot() {
    for threads in [3, 4, 8] {
        for at in 0..6 {
            for failure in FAILURES {
                let mut steps = [Well; 6];
                steps[at] = failure;
                let scene = Scene::new(threads, steps);
                let wanted = scene.alone();
                let scheduler = explorer::Watched(RandomScheduler::new(2_000));
                run(scheduler, move || scene.check(&scene.run(), &wanted));
            }
        }
    }
}
