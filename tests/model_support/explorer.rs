//! A scheduler for shuttle that goes through every order in which tasks can run, depth first, and
//! leaves out what it has seen.
//!
//! Two steps of two tasks that touch nothing in common lead to the same state in either order. So a
//! state is told by how many steps each task has made, and by who touched each shared thing in which
//! order: what a task does next depends on nothing else. A step in which a task only finds a lock
//! taken does not count, for it changes nothing. Where such a state comes again, all that can follow
//! has been tried, and the run is ended.

use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use shuttle::current;
use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};

thread_local! {
    /// Shuttle runs all tasks in one thread of the system.
    static STATE: RefCell<State> = RefCell::default();
}

/// What has happened in this run.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct State {
    /// Steps of each task.
    steps: Vec<u64>,
    /// For each task that is about to take a lock, how many steps still count until it has it.
    counted: Vec<Option<u64>>,
    /// For each shared thing, a digest of who touched it when.
    touched: Vec<u64>,
    /// The same for the ends of tasks.
    ends: u64,
}

impl State {
    /// Returns what becomes of a digest when the running task touches the thing.
    fn touch(&mut self, touched: u64) -> u64 {
        let task = usize::from(current::me());
        self.counted[task] = None;
        self.steps[task] += 1;
        digest(&(touched, task, self.steps[task]))
    }

    /// The task makes a step.
    fn count(&mut self, task: TaskId) {
        let index = usize::from(task);
        let len = self.steps.len().max(index + 1);
        self.steps.resize(len, 0);
        self.counted.resize(len, None);
        match &mut self.counted[index] {
            Some(0) => return,
            Some(counted) => *counted -= 1,
            None => {}
        }
        self.steps[index] += 1;
    }
}

/// Something that tasks share.
pub(crate) struct Shared(usize);

impl Shared {
    pub(crate) fn new() -> Self {
        STATE.with_borrow_mut(|state| {
            state.touched.push(0);
            Self(state.touched.len() - 1)
        })
    }

    pub(crate) fn touch(&self) {
        STATE.with_borrow_mut(|state| {
            let touched = state.touch(state.touched[self.0]);
            state.touched[self.0] = touched;
        });
    }
}

/// The running task ends, or looks whether another has.
pub(crate) fn touch_ends() {
    STATE.with_borrow_mut(|state| state.ends = state.touch(state.ends));
}

/// From so many steps on until it touches something, the running task only tries to take a lock.
pub(crate) fn try_to_lock(after: u64) {
    let task = usize::from(current::me());
    STATE.with_borrow_mut(|state| state.counted[task] = Some(after));
}

/// The state that this run has come to.
pub(crate) fn state() -> State {
    STATE.with_borrow(State::clone)
}

fn digest(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// A choice between tasks that can run.
struct Choice {
    tasks: Vec<TaskId>,
    taken: usize,
}

#[derive(Default)]
pub(crate) struct Explorer {
    /// The choices on the way to where this run is.
    path: Vec<Choice>,
    depth: usize,
    seen: HashSet<u64>,
    /// Whether this run came to a state that was seen before.
    known: bool,
    /// The state before the step.
    last: Option<u64>,
    begun: bool,
}

impl Scheduler for Explorer {
    fn new_execution(&mut self) -> Option<Schedule> {
        if self.begun {
            while self.path.last()?.taken + 1 == self.path.last()?.tasks.len() {
                self.path.pop();
            }
            self.path.last_mut()?.taken += 1;
        }
        self.begun = true;
        self.depth = 0;
        self.known = false;
        self.last = None;
        STATE.take();
        Some(Schedule::new(0))
    }

    fn next_task(&mut self, runnable: &[&Task], _: Option<TaskId>, _: bool) -> Option<TaskId> {
        STATE.with_borrow_mut(|state| {
            if self.depth == self.path.len() {
                // After a step that did not count, this is the state that was new before it.
                let state_digest = digest(state);
                if self.last.replace(state_digest) != Some(state_digest) {
                    self.known = self.known || !self.seen.insert(state_digest);
                }
                if self.known {
                    // A task that is unwinding cannot be left at that.
                    let task = runnable.first().filter(|_| std::thread::panicking())?.id();
                    state.count(task);
                    return Some(task);
                }
                let tasks = runnable.iter().map(|task| task.id()).collect();
                self.path.push(Choice { tasks, taken: 0 });
            }
            let Choice { tasks, taken } = &self.path[self.depth];
            self.depth += 1;
            self.last = Some(digest(state));
            state.count(tasks[*taken]);
            Some(tasks[*taken])
        })
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("nothing here is random")
    }
}

/// Another scheduler, whose runs have states, too.
pub(crate) struct Watched<S>(pub(crate) S);

impl<S: Scheduler> Scheduler for Watched<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        STATE.take();
        self.0.new_execution()
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        yields: bool,
    ) -> Option<TaskId> {
        let task = self.0.next_task(runnable, current, yields)?;
        STATE.with_borrow_mut(|state| state.count(task));
        Some(task)
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}
