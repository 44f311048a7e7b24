use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::time::Duration;

use super::*;

/// A panic that no hook prints.
struct OnPurpose;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Job,
    Work,
    DonePanics,
    DoneFails,
}

use Fault::*;

/// Numbers from 0 to 300 through so many threads, with a fault at one of them; returns what `done`
/// had, and how it ended.
fn run(threads: usize, fault: Fault, at: u64) -> (Vec<u64>, thread::Result<Result<()>>) {
    let hit = |what, n| {
        if (what, n) == (fault, at) {
            resume_unwind(Box::new(OnPurpose));
        }
    };
    let mut seen = Vec::new();
    let jobs = (0..300).inspect(|n| hit(Job, *n));
    let work = |(): &mut (), n: u64| {
        if n.is_multiple_of(7) {
            thread::yield_now();
        }
        hit(Work, n);
        n
    };
    let done = |n| {
        hit(DonePanics, n);
        if (fault, n) == (DoneFails, at) {
            return Err(Failure::usage("on purpose"));
        }
        seen.push(n);
        Ok(())
    };
    let ended =
        catch_unwind(AssertUnwindSafe(|| in_order(Threads::new(threads), jobs, work, done)));
    (seen, ended)
}

#[test]
fn results_come_in_order() {
    for threads in [1, 3, 8] {
        let mut seen = Vec::new();
        let slow = |(): &mut (), n: u64| {
            thread::sleep(Duration::from_micros(n * 37 % 500));
            n * 2
        };
        in_order(Threads::new(threads), 0..500_u64, slow, |n| {
            seen.push(n);
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, (0..1_000).step_by(2).collect::<Vec<_>>());
    }
}

/// Nobody waits for ever, a panic is no success, and `done` has had the results before the fault,
/// whatever the threads did.
#[test]
fn a_fault_ends_it_in_the_same_place() {
    let (tell, told) = mpsc::channel();
    let watched = thread::spawn(move || {
        for threads in [1, 2, 3, 8, 64] {
            for at in [0, 1, 2, 3, 17, 100, 299] {
                for fault in [Job, Work, DonePanics, DoneFails] {
                    let (seen, ended) = run(threads, fault, at);
                    let place = format!("{threads} threads, {fault:?} at {at}");
                    let nothing_begun = fault == Job && at < 2;
                    let wanted = 0..if nothing_begun { 0 } else { at };
                    assert_eq!(seen, wanted.collect::<Vec<_>>(), "{place}");
                    match ended {
                        Ok(ended) => assert!(fault == DoneFails && ended.is_err(), "{place}"),
                        Err(_) => assert_ne!(fault, DoneFails, "{place}"),
                    }
                    tell.send(place).unwrap();
                }
            }
        }
    });
    let mut last = "none".to_owned();
    loop {
        match told.recv_timeout(Duration::from_secs(60)) {
            Ok(place) => last = place,
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("hangs after {last}"),
        }
    }
    watched.join().unwrap();
}
